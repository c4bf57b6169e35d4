"""An independent eye on a lab host: which generation of a change stands, is served, and what is left over."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from tests.lab.host import RELOAD_NGINX, LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, OnHost, create
from tests.patience import eventually

Generation = Literal["old", "new"]
FINAL = ("COMMITTED", "ROLLED_BACK", "NEEDS_HUMAN", "REFUSED", "LOCKED")
JOURNAL = "/var/lib/remediate"
GONE = "/etc/nginx/conf.d/gone.conf"
CREATED = "/etc/nginx/conf.d/deep/created.conf"
INCLUDES = "/etc/nginx/conf.d/includes.conf"
DROP_IN = "/etc/systemd/system/php8.2-fpm.service.d/generation.conf"
PAGE = "/var/www/shop/generation.php"
EDITED_SITE = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Generation new;\n")
CREATED_SITE = b"server { listen 80; server_name created.example; return 200 here; }\n"
CREATED_DROP_IN = b"[Service]\nEnvironment=GENERATION=new\n"
EDITED_POOL = b"php_admin_value[user_agent] = new\n"

PREPARE = f"""
printf 'server {{ listen 80; server_name gone.example; return 200 here; }}\n' >{GONE}
printf 'include /etc/nginx/conf.d/*/*.conf;\n' >{INCLUDES}
printf '<?php echo "[", ini_get("user_agent"), "]";\n' >{PAGE}
chown www-data:adm {SITE}; chmod 640 {SITE}; setfacl -m u:games:r {SITE}; setfattr -n user.note -v mine {SITE} {GONE}
{RELOAD_NGINX}
"""
# Links in /etc/alternatives are made anew by PHP-FPM's own unit at each start.
LOOK = r"""
echo; echo =files
find /etc -xdev -type d -printf '%p|%y|%m|%U:%G|||\n'
find /etc -xdev -path /etc/alternatives -prune -o ! -type d -printf '%p|%y|%m|%U:%G|%n|%T@|%l\n'
echo =hashes
find /etc -xdev -type f -print0 | xargs -0r sha256sum
echo =attributes
for each in TARGETS; do
  [ ! -e "$each" ] || echo "$each|"$(getfacl -npcE "$each"; getfattr -d -m '^user' "$each" 2>/dev/null | grep -v '^#')
done
echo =served
n=0; while [ $n -lt 4 ]; do n=$((n + 1))
  echo "site $(curl -si -m 10 -H 'Host: shop.example' http://127.0.0.1/ | tr -d '\r' | grep -i '^x-generation')"
  echo "created $(curl -s -m 10 -H 'Host: created.example' http://127.0.0.1/ | grep -x here)"
  echo "gone $(curl -s -m 10 -H 'Host: gone.example' http://127.0.0.1/ | grep -x here)"
  echo "pool $(curl -s -m 10 -H 'Host: shop.example' http://127.0.0.1/generation.php)"
done | sort -u
[ ! -d /run/systemd/system ] || echo "unit $(systemctl show -p Environment --value php8.2-fpm | grep -o GENERATION=new)"
"""
LEFT = r"""
find / -xdev -path /var/lib/remediate -prune -o -name '*remediate*2[0-9]*T*Z-*' -print
[ ! -e /var/lib/remediate/current ] || echo "current $(cat /var/lib/remediate/current)"
[ ! -e /var/lib/remediate/lock ] || flock -n /var/lib/remediate/lock true || echo 'the lock is held'
pgrep -fa '[r]emediate/txn/'
if [ -d /run/systemd/system ]; then
  systemctl list-units --all --plain --no-legend 'remediate-*'
  systemctl list-timers --all --no-legend 'remediate-*'
  systemctl --failed --plain --no-legend
  ls /run/systemd/transient | grep remediate
  for each in nginx php8.2-fpm; do
    systemctl show -p ActiveState -p NRestarts -p NeedDaemonReload "$each" |
      grep -vx -e ActiveState=active -e NRestarts=0 -e NeedDaemonReload=no | sed "s/^/$each /"
  done
fi
cut -d ' ' -f 5 /proc/1/mountinfo | grep -e remediate -e /etc
true
"""


@dataclass(frozen=True)
class Item:
    """A name below /etc; what a folder or a link has not is empty."""

    kind: str
    mode: str
    owner: str
    links: str = ""
    mtime: str = ""
    leads_to: str = ""
    sha256: str = ""
    attributes: str = ""


@dataclass(frozen=True)
class Sight:
    files: dict[str, Item]
    served: tuple[str, ...]


SERVED: dict[Generation, tuple[str, ...]] = {
    "old": ("created ", "gone here", "pool []", "site "),
    "new": ("created here", "gone ", "pool [new]", "site X-Generation: new"),
}
FOLDER = Item("d", "755", "0:0")


@dataclass(frozen=True)
class Eye:
    """Remembers a host as it was. It asks the host itself, never the program or its journal."""

    host: LabHost
    before: Sight
    old: dict[str, bytes]
    edited: dict[str, bytes]
    created: dict[str, bytes]

    @classmethod
    def on(cls, host: LabHost) -> Eye:
        host.sh(PREPARE)
        old = {path: host.read(path) for path in (SITE, POOL, GONE)}
        edited = {SITE: old[SITE].replace(*EDITED_SITE), POOL: old[POOL] + EDITED_POOL}
        managed = "no-systemd" not in host.features
        eye = cls(
            host, look(host), old, edited, {CREATED: CREATED_SITE} | ({DROP_IN: CREATED_DROP_IN} if managed else {})
        )
        eye.sees("old")
        return eye

    def changes(self, at: OnHost) -> tuple[FileChange | UnitAction, ...]:
        """An edit of a file with an ACL and attributes, one more, creations in new folders, a deletion, the acts."""
        edits = [FileChange("by-hand", path, at.file(path), data) for path, data in self.edited.items()]
        files = [*edits, *(create(path, data) for path, data in self.created.items()), at.delete(GONE)]
        if DROP_IN in self.created:
            return (*files, at.act("daemon-reload"), at.act("reload", FPM), at.act("reload", NGINX))
        pids = [int(self.host.read(file)) for file in ("/run/php/php8.2-fpm.pid", "/run/nginx.pid")]
        return (*files, *(at.act("reload", pid=pid) for pid in pids))

    def sees(self, generation: Generation) -> None:
        """I1, I2, I8 and I10: all files are of that generation to the last attribute, it is served, nothing is left."""
        now = look(self.host)
        wrong = different(now.files, self.files(generation))
        assert not wrong, wrong
        assert now.served == self.served(generation), now.served
        self.sees_nothing_left()

    def sees_nothing_left(self) -> None:
        """The end of a unit takes a moment."""
        eventually(lambda: left(self.host) == "", lambda: left(self.host))

    def served(self, generation: Generation) -> tuple[str, ...]:
        if DROP_IN not in self.created:
            return SERVED[generation]
        return (*SERVED[generation], "unit GENERATION=new" if generation == "new" else "unit ")

    def files(self, generation: Generation) -> dict[str, Item]:
        """What must be found; when a file was written is only known of the old ones."""
        files = dict(self.before.files)
        if generation == "old":
            return files
        del files[GONE]
        for path, data in self.edited.items():
            files[path] = replace(files[path], sha256=sha256(data), mtime="")
        for path, data in self.created.items():
            files[path.rpartition("/")[0]] = FOLDER
            files[path] = Item("f", "644", "0:0", "1", "", "", sha256(data), "user::rw- group::r-- other::r--")
        return files


def different(now: dict[str, Item], then: dict[str, Item]) -> dict[str, tuple[Item | None, Item | None]]:
    """The names at which the two differ; a time is compared where `then` knows one."""
    now = {
        name: replace(item, mtime="") if name in then and not then[name].mtime else item for name, item in now.items()
    }
    return {n: (now.get(n), then.get(n)) for n in sorted(now.keys() | then.keys()) if now.get(n) != then.get(n)}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def left(host: LabHost) -> str:
    """What a run that has ended must not leave behind: names, the lock, processes, units, failures, mounts."""
    return host.sh(LEFT).decode()


def look(host: LabHost) -> Sight:
    targets = shlex.join([SITE, POOL, GONE, CREATED, DROP_IN])
    said = host.sh(LOOK.replace("TARGETS", targets), timeout=120).decode(errors="surrogateescape")
    parts = {name: lines.splitlines() for name, _, lines in (part.partition("\n") for part in said.split("\n="))}
    hashes = {path: sha for sha, _, path in (line.partition("  ") for line in parts["hashes"])}
    attributes = {path: rest.strip() for path, _, rest in (line.partition("|") for line in parts["attributes"])}
    files = {}
    for line in parts["files"]:
        path, kind, mode, owner, links, mtime, leads_to = line.split("|")
        more = (hashes.get(path, ""), attributes.get(path, ""))
        files[path] = Item(kind, mode, owner, links, mtime, leads_to, *more)
    return Sight(files, tuple(parts["served"]))


def state_of(host: LabHost, run: str) -> str:
    """The name of the one file, read by nobody's program but `ls`."""
    names = host.sh(f"ls {JOURNAL}/txn/{run}").decode().split()
    states = [name.partition(".")[2] for name in names if name.startswith("state.")]
    assert len(states) == 1, names
    return states[0]


def end_of(host: LabHost, run: str) -> str:
    """The state in which it has ended, once nothing of it lies anywhere else; I7."""
    tidy = f"[ ! -e {JOURNAL}/txn/{run}/busy ] && echo tidy || true"
    told = partial(host.sh, f"cat {JOURNAL}/txn/{run}/log")
    eventually(lambda: state_of(host, run) in FINAL and host.sh(tidy) != b"", lambda: told().decode())
    return state_of(host, run)
