"""Ways to take from a host what it lives on: room, inodes, memory, its database."""

import shlex
from collections.abc import Callable
from pathlib import Path

from tests.lab import cgroup
from tests.lab.errors import LabError
from tests.lab.host import LabHost

INDEX = "/var/www/shop/index.php"
SESSIONS = "/var/lib/php/sessions"
MARIADB = "mariadb.service"
LIMIT = 96 << 20
"""Of the memory of PHP-FPM's processes: room for all of them, and for no page that eats."""

NEEDS = {"database-down": "database", "database-disk-full": "database"}
"""Faults that need a host which differs from a plain one, and in what."""


def disk_full(host: LabHost, folder: str = "/var/log") -> None:
    """No byte can be written below the folder any more; what it held is still there."""
    _small_disk(host, folder, "size=$(( $(du -sk . | cut -f1) + 256 ))k")
    host.sh(f"cat /dev/zero >{shlex.quote(folder)}/zero 2>/dev/null || true")


def sessions_disk_full(host: LabHost) -> None:
    """PHP cannot write its sessions, and the shop does not go on without one."""
    _shop_with_sessions(host)
    disk_full(host, SESSIONS)


def inodes_full(host: LabHost) -> None:
    """Old sessions have used up every inode, though there is room; the shop does not go on without a new one."""
    _shop_with_sessions(host)
    _small_disk(host, SESSIONS, "size=16m,nr_inodes=400")
    host.sh(f"cd {SESSIONS} && for n in $(seq 400); do touch sess_old$n; done 2>/dev/null || true")


def database_down(host: LabHost) -> None:
    """Someone stopped the database that the shop asks for each page."""
    host.sh(f"systemctl stop {MARIADB}")


def database_disk_full(host: LabHost) -> None:
    """The database was restarted where its data have used up their disk, and does not come up."""
    host.sh(f"systemctl stop {MARIADB}")
    disk_full(host, "/var/lib/mysql")
    host.sh(f"chown --reference=/var/lib/mysql/mysql /var/lib/mysql; systemctl start {MARIADB} 2>/dev/null || true")
    if b"failed" not in host.sh(f"systemctl show -P ActiveState {MARIADB}"):
        raise LabError(f"{host.name}: {MARIADB} runs on a full disk")


def worker_oom(host: LabHost) -> None:
    """PHP-FPM's processes may have so much memory together, and one page asks for more: the kernel kills its worker."""
    page = (
        f"<?php ini_set('memory_limit', -1); $eaten = str_repeat('x', {2 * LIMIT}); echo 'ok from php', strlen($eaten);"
    )
    host.write(INDEX, page.encode())
    group = cgroup.limit_memory(host.id, LIMIT)
    for pid in _processes(host, "php-fpm"):
        (group / "cgroup.procs").write_text(str(pid))


def _processes(host: LabHost, name: str) -> list[int]:
    """Their pids outside the host."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and cgroup.holds(host.id, int(path.name)) and _comm(path).startswith(name)
    ]


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _shop_with_sessions(host: LabHost) -> None:
    """Each page writes one, and a warning is an error, as in most frameworks."""
    strict = "set_error_handler(fn($number, $text) => throw new ErrorException($text));"
    session = "session_start(); $_SESSION['cart'] = str_repeat('x', 9000); session_write_close();"
    host.write(INDEX, f"<?php {strict} {session} echo 'ok from php';\n".encode())


def _small_disk(host: LabHost, folder: str, options: str) -> None:
    """A small file system in place of the folder, with what that holds; daemons keep the files that they have open."""
    place = shlex.quote(folder)
    move = f'cp -a {place}/. "$new" && mount --bind "$new" {place} && umount "$new" && rmdir "$new"'
    mount = f'mount -t tmpfs -o mode=$(stat -c %a {place}),{options} full "$new"'
    host.sh(f"cd {place} && new=$(mktemp -d /mnt/full.XXXX) && {mount} && {move}")


RESOURCE_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "disk-full": disk_full,
    "sessions-disk-full": sessions_disk_full,
    "inodes-full": inodes_full,
    "database-down": database_down,
    "database-disk-full": database_disk_full,
    "worker-oom": worker_oom,
}
