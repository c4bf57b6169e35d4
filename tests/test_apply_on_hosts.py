"""Apply on real hosts: all of it stands, or nothing, to the byte, the owner and the unit's state."""

from __future__ import annotations

import shlex

import pytest

from remediations.changes.file import FileChange
from remediations.plan import Expectation
from tests.conftest import LabHostFactory
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, RUN, SITE, OnHost, create, files_of, leftovers, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")
CONF_D = "/etc/nginx/conf.d"


def headers(host: LabHost, site: str = "shop.example") -> bytes:
    return host.sh(f"curl -si -m 10 -H 'Host: {site}' http://127.0.0.1/")


def test_an_edit_is_swapped_reloaded_and_served(web1: LabHost) -> None:
    with on(web1) as at:
        outcome = at.commit(at.edit(SITE, HEADER), at.act("reload", NGINX))
    assert outcome.state == "committed"
    assert b"X-Edited: yes" in headers(web1)
    assert web1.testinfra.file("/etc/nginx/sites-enabled/shop").is_symlink
    assert leftovers(web1) == ""


def test_what_is_undone_when_asked_is_served_no_more(web1: LabHost) -> None:
    before = files_of(web1, "/etc")
    with on(web1) as at:
        transaction = at.transaction(at.edit(SITE, HEADER), at.act("reload", NGINX))
        assert transaction.begin().state == "await"
        assert b"X-Edited: yes" in headers(web1)
        outcome = transaction.undo()
    assert outcome.state == "rolled_back", outcome
    assert without_folder_times(files_of(web1, "/etc")) == without_folder_times(before)
    assert b"X-Edited" not in headers(web1)
    assert leftovers(web1) == ""


def without_folder_times(lines: list[str]) -> list[str]:
    """A rename in a folder, and its undoing, leave that folder's own time and size changed, nothing else."""
    fields = [line.split("|") for line in lines]
    return ["|".join([*one[:4], *one[7:]]) if one[1:2] == ["d"] else "|".join(one) for one in fields]


@pytest.mark.parametrize(
    "data",
    [b"# one\r\n# two\r\n", b"# caf\xe9 \xff\n", b"# no newline", b"", b"# \\n %s $HOME `id`\n'EOF'\n", b"#\x00\x01\n"],
    ids=["crlf", "latin-1", "no-newline", "empty", "shell", "nul"],
)
def test_bytes_arrive_exactly(web1: LabHost, data: bytes) -> None:
    path = "/etc/nginx/odd name's.txt"
    web1.write("/etc/nginx/odd name's.txt", b"old\r\n\xff")
    with on(web1) as at:
        edit = FileChange("by-hand", path, at.file(path), data)
        made = create("/etc/nginx/new name's.txt", data)
        assert at.commit(edit, made).state == "committed"
    assert web1.read(path) == data
    assert web1.read(made.path) == data


def test_mode_owner_acl_and_attributes_are_kept(web1: LabHost) -> None:
    web1.write("/etc/nginx/kept.txt", b"old\n", 0o640, "www-data:adm")
    web1.sh("cd /etc/nginx && setfacl -m u:games:r,m::rw kept.txt && setfattr -n user.note -v mine kept.txt")
    what = "cd /etc/nginx && stat -c '%a %U %G' kept.txt && getfacl -n kept.txt && getfattr -d kept.txt"
    before = web1.sh(what)
    with on(web1) as at:
        assert at.commit(at.append("/etc/nginx/kept.txt", b"new\n")).state == "committed"
    assert web1.sh(what) == before
    assert b"games" in web1.sh("getfacl /etc/nginx/kept.txt")
    assert b"mine" in before


def test_created_files_and_folders_are_readable_and_go_when_undone(web1: LabHost) -> None:
    path = "/etc/systemd/system/nginx.service.d/deep/50-test.conf"
    before = files_of(web1, "/etc/systemd")
    with on(web1) as at:
        transaction = at.transaction(create(path, b"[Service]\n"))
        begun = transaction.begin()
        assert begun.state == "await", begun
        assert web1.sh(f"stat -c '%a %U %n' {path} {path[:-13]} {path[:-18]}").decode().split("\n")[:3] == [
            f"644 root {path}",
            f"755 root {path[:-13]}",
            f"755 root {path[:-18]}",
        ]
        assert begun.did("made") == (path[:-18], path[:-13])
        assert transaction.undo().state == "rolled_back"
    assert without_folder_times(files_of(web1, "/etc/systemd")) == without_folder_times(before)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("ln {0} /etc/nginx/twin", "has hard links"),
        ("mount --bind {0} {0}", "is a mount point"),
        ("rm {0}; mkfifo {0}", "is not a regular file"),
        ("rm {0}; mkdir {0}", "is not a regular file"),
        ("rm {0}", "is gone since the plan"),
        ("echo >>{0}", "changed since the plan"),
        ("mv {0} /srv/t && ln -s /srv/t {0}", "is a link to somewhere else"),
        ("setcap cap_net_raw+ep {0}", "has file capabilities"),
    ],
    ids=["hard-link", "mount", "fifo", "folder", "gone", "drift", "link", "capabilities"],
)
def test_a_target_that_is_not_as_planned_is_refused_and_nothing_is_touched(web1: LabHost, spoil: str, why: str) -> None:
    path = "/etc/nginx/conf.d/zz target.conf"
    web1.write(path, b"# old\n")
    with on(web1) as at:
        other = at.edit(SITE, HEADER)
        change = at.append(path, b"# new\n")
        web1.sh(spoil.format(shlex.quote(path)))
        before = files_of(web1, "/etc/nginx")
        outcome = at.begin(other, change, at.act("reload", NGINX))
        assert (outcome.state, outcome.steps) == ("refused", ())
        assert outcome.failure
        assert outcome.failure.startswith(f"{path} {why}")
    assert without_folder_times(files_of(web1, "/etc/nginx")) == without_folder_times(before)


@pytest.mark.parametrize("there", ["echo mine >{0}", "ln -s /nowhere {0}", "mkdir {0}"], ids=["file", "link", "folder"])
def test_a_file_that_has_come_to_exist_is_not_overwritten(web1: LabHost, there: str) -> None:
    path = f"{CONF_D}/new.conf"
    with on(web1) as at:
        web1.sh(there.format(path))
        before = files_of(web1, "/etc/nginx")
        outcome = at.begin(create(path, b"# ours\n"))
    assert outcome.state == "refused"
    assert outcome.failure == f"{path} has come to exist since the plan"
    assert without_folder_times(files_of(web1, "/etc/nginx")) == without_folder_times(before)


@pytest.mark.parametrize("folder", ["/etc/nginx/side/new", "/etc/nginx/file/new"])
def test_a_folder_that_leads_elsewhere_is_not_followed(web1: LabHost, folder: str) -> None:
    web1.sh("ln -s /srv /etc/nginx/side; echo >/etc/nginx/file")
    with on(web1) as at:
        outcome = at.begin(create(f"{folder}/x.conf", b"#\n"))
    assert outcome.state == "refused"
    assert web1.sh("ls -A /srv") == b"app\n"


def test_what_lies_where_the_old_file_would_be_kept_is_refused(web1: LabHost) -> None:
    second = "/etc/nginx/mime.types"
    web1.sh(f"mkdir /etc/nginx/.mime.types.remediate-{RUN}.orig")
    before = files_of(web1, "/etc/nginx")
    with on(web1) as at:
        changes = at.edit(SITE, HEADER), at.append(second, b"# x\n"), at.act("reload", NGINX)
        outcome = at.begin(*changes, run=RUN)
    assert (outcome.state, outcome.steps) == ("refused", ()), outcome
    assert f"/etc/nginx/.mime.types.remediate-{RUN}.orig lies in the way" in str(outcome.failure)
    assert files_of(web1, "/etc/nginx") == before


@pytest.mark.parametrize("blocks", range(0, 28, 4))
def test_a_full_disk_refuses_or_undoes_and_leaves_nothing(web1: LabHost, blocks: int) -> None:
    web1.sh(
        "cp -a /etc/nginx/conf.d /srv/kept && mount -t tmpfs -o size=64k,nr_inodes=20 full /etc/nginx/conf.d && "
        "printf '# old\\n' >/etc/nginx/conf.d/one.conf && printf '# old\\n' >/etc/nginx/conf.d/two.conf && "
        f"head -c {blocks * 1024 + 4096} /dev/zero >/etc/nginx/conf.d/ballast; "
        "exit 0"
    )
    with on(web1) as at:
        changes = [at.append(f"{CONF_D}/{name}.conf", b"# new line\n" * 2000) for name in ("one", "two")]
        before = files_of(web1, CONF_D)
        outcome = at.begin(*changes, create(f"{CONF_D}/three.conf", b"#\n" * 2000), at.act("reload", NGINX))
        full = blocks > 4
        if outcome.state == "await":
            assert not full
            return
        assert outcome.state in ("refused", "rolled_back"), outcome
        assert "KiB are free" in str(outcome.failure) or "No space left" in str(outcome.failure), outcome
    assert without_folder_times(files_of(web1, CONF_D)) == without_folder_times(before)


def test_a_read_only_file_system_is_refused(web1: LabHost) -> None:
    web1.sh("mount --bind /etc/nginx /etc/nginx && mount -o remount,bind,ro /etc/nginx")
    with on(web1) as at:
        outcome = at.begin(at.edit(SITE, HEADER), at.act("reload", NGINX))
    assert outcome.state == "refused"
    assert outcome.failure == f"{SITE} cannot be written: nothing can be created beside it"


def test_a_foreign_edit_in_await_is_kept_and_a_person_called(web1: LabHost) -> None:
    with on(web1) as at:
        pool = at.append(POOL, b"; ours\n")
        transaction = at.transaction(at.edit(SITE, HEADER), pool)
        assert transaction.begin().state == "await"
        web1.sh(f"echo '# theirs' >>{SITE}")
        outcome = transaction.undo()
    assert outcome.state == "needs_human"
    assert web1.read(SITE).endswith(b"# theirs\n")
    assert web1.read(POOL).endswith(b"; ours\n"), "one of two put back would be half a state"


def test_a_foreign_edit_in_await_is_not_confirmed_as_ours(web1: LabHost) -> None:
    with on(web1) as at:
        transaction = at.transaction(at.edit(SITE, HEADER))
        assert transaction.begin().state == "await"
        web1.sh(f"rm {SITE}; mkfifo {SITE}")
        outcome = transaction.confirm()
    assert outcome.state == "needs_human"


def test_a_second_run_meanwhile_is_locked_out(web1: LabHost) -> None:
    with on(web1) as first, on(web1) as second:
        transaction = first.transaction(first.edit(SITE, HEADER))
        assert transaction.begin().state == "await"
        outcome = second.begin(second.append(POOL, b"; two\n"))
        assert outcome.state == "locked"
        assert transaction.undo().state == "rolled_back"
        assert second.begin(second.append(POOL, b"; two\n")).state == "await"


def test_a_unit_that_was_down_and_was_started_stays_up(web1: LabHost) -> None:
    web1.sh(f"systemctl stop {FPM}")
    with on(web1) as at:
        transaction = at.transaction(at.append(POOL, b"; x\n"), at.act("start", FPM))
        assert transaction.begin().state == "await"
        assert transaction.undo().state == "rolled_back"
    assert web1.get("shop.example").status == 200
    assert web1.read(POOL).find(b"; x\n") < 0


def test_a_unit_that_dies_of_the_change_runs_again(web1: LabHost) -> None:
    """PHP-FPM takes the reload, exits 78 over the bad value, and is started again with the old one."""
    before = files_of(web1, "/etc/php")
    with on(web1) as at:
        bad = at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 0"))
        outcome = at.begin(bad, at.act("reload", FPM))
    assert outcome.state == "rolled_back", outcome
    assert "did not stay up" in str(outcome.failure)
    assert web1.testinfra.service("php8.2-fpm").is_running
    assert web1.get("shop.example").status == 200
    assert without_folder_times(files_of(web1, "/etc/php")) == without_folder_times(before)


FLAPPING = b"""[Service]
ExecStart=/bin/sh -c 'trap "sleep 0.2; exit 1" HUP; while :; do sleep 0.05; done'
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=10ms
"""


def test_a_unit_that_systemd_restarts_by_itself_did_not_stay_up(web1: LabHost) -> None:
    """Restart=always brings it back at once: only the count of restarts and the pid tell."""
    web1.write("/etc/systemd/system/flapping.service", FLAPPING)
    web1.sh("systemctl daemon-reload && systemctl start flapping && sleep 0.3")
    with on(web1) as at:
        outcome = at.begin(at.append(POOL, b"; x\n"), at.act("reload", "flapping.service"), settle=1.5)
    assert "flapping.service did not stay up: it was active" in str(outcome.failure)
    assert web1.read(POOL).find(b"; x\n") < 0


def nginx_is_reloaded_in_vain(host: LabHost, at: OnHost, change: FileChange) -> None:
    before = files_of(host, "/etc/nginx")
    outcome = at.begin(change, at.act("reload", NGINX))
    assert outcome.state == "rolled_back", outcome
    assert "the reload did not take" in str(outcome.failure)
    assert "[emerg]" in str(outcome.failure)
    assert without_folder_times(files_of(host, "/etc/nginx")) == without_folder_times(before)
    assert host.get("shop.example").status == 200
    host.reload_nginx()


def test_a_reload_that_cannot_bind_is_seen_and_undone(web1: LabHost) -> None:
    """systemctl reload returns 0, nginx keeps the old configuration: port 8001 is an app's."""
    with on(web1) as at:
        nginx_is_reloaded_in_vain(web1, at, create(f"{CONF_D}/x.conf", b"server { listen 127.0.0.1:8001; }\n"))


def test_a_zone_whose_key_changes_is_seen_and_undone(web1: LabHost) -> None:
    path = f"{CONF_D}/zone.conf"
    web1.write(path, b"limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;\n")
    web1.reload_nginx()
    with on(web1) as at:
        nginx_is_reloaded_in_vain(web1, at, at.edit(path, (b"$binary_remote_addr", b"$server_name")))


def test_where_nginx_logs_to_stderr_the_workers_tell(web1: LabHost) -> None:
    web1.sh("sed -i 's/^error_log.*/error_log stderr;/' /etc/nginx/nginx.conf && systemctl restart nginx")
    with on(web1) as at:
        outcome = at.begin(create(f"{CONF_D}/x.conf", b"server { listen 127.0.0.1:8001; }\n"), at.act("reload", NGINX))
    assert outcome.state == "rolled_back", outcome
    assert "did not take" in str(outcome.failure)


def test_drop_ins_are_read_and_undone_and_compared_with_what_systemd_made_of_them(web1: LabHost) -> None:
    drop_in = create("/etc/systemd/system/nginx.service.d/50-x.conf", b"[Service]\nRestart=always\nRestartSec=5s\n")
    with on(web1) as at:
        wanted = [Expectation(NGINX, "Restart", "always"), Expectation(NGINX, "RestartUSec", "5s")]
        done = at.transaction(drop_in, at.act("daemon-reload"), expectations=wanted)
        assert done.begin().state == "await"
        assert web1.testinfra.service("nginx").systemd_properties["Restart"] == "always"
        assert done.undo().state == "rolled_back"
        assert web1.testinfra.service("nginx").systemd_properties["Restart"] == "no"
        wrong = [Expectation(NGINX, "Restart", "on-failure")]
        outcome = at.begin(drop_in, at.act("daemon-reload"), expectations=wrong)
    assert outcome.state == "rolled_back"
    assert outcome.failure == "nginx.service: Restart is always, not on-failure"
    assert web1.testinfra.service("nginx").systemd_properties["Restart"] == "no"
    assert not web1.testinfra.file("/etc/systemd/system/nginx.service.d").exists


def test_without_systemd_daemons_are_reloaded_by_signals(lab_host: LabHostFactory) -> None:
    host = lab_host("web1", "no-systemd")
    with on(host) as at:
        nginx, fpm = (int(host.read(path)) for path in ("/run/nginx.pid", "/run/php/php8.2-fpm.pid"))
        change, pool = at.edit(SITE, HEADER), at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 6"))
        acts = at.act("reload", pid=nginx), at.act("reload", pid=fpm)
        transaction = at.transaction(change, pool, *acts, settle=0)
        begun = transaction.begin()
        assert begun.state == "await", begun
        assert int(host.read("/run/php/php8.2-fpm.pid")) != fpm, "it is back, as another process"
        assert b"X-Edited: yes" in headers(host)
        assert transaction.undo().state == "rolled_back"
        assert b"X-Edited" not in headers(host)
        refused = at.begin(change, at.act("restart", pid=nginx))
        assert refused.state == "rolled_back"
        assert "without systemd nothing can be told to restart" in str(refused.failure)
        foreign = at.begin(change, at.act("reload", pid=1))
        assert "neither nginx nor php-fpm" in str(foreign.failure)
        vain = at.begin(create(f"{CONF_D}/x.conf", b"server { listen 127.0.0.1:8001; }\n"), acts[0])
        assert "did not take" in str(vain.failure)
        assert vain.state == "rolled_back"
    assert leftovers(host) == ""
