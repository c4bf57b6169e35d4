"""The dry run's promise, byte by byte: after gathering and proving, the host is as it was before."""

from __future__ import annotations

import re

import pytest

from remediations.changes.file import FileChange
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, OnHost, create, files_of, on

FOLDERS = ("/etc", "/run", "/var/log", "/var/lib", "/srv", "/tmp", "/var/www", "/root", "/mnt", "/media", "/boot")

# What a login leaves, whoever logs in: the journal's files and pam's motd, as the last test here shows.
LOGIN = ("/var/log/journal", "/run/log/journal", "/run/motd.dynamic")

# What the site writes of the question that the health check puts to it; its lines are looked at below.
ANSWERS = ("/var/log/nginx/access.log", "/var/log/nginx/error.log")

DAEMONS = "ps -eo pid=,ppid=,lstart=,args= | grep -E 'nginx|php|systemd|sshd: /usr' | grep -vE 'grep|ps -eo|sh -c'"
UNITS = (
    "systemctl show '*' -p Id,ActiveState,SubState,MainPID,NRestarts,StateChangeTimestampMonotonic,NeedDaemonReload,"
    "DropInPaths | grep -v '^Id=session-'"
)


def state_of(host: LabHost) -> dict[str, list[str]]:
    units = host.sh(UNITS).decode().split("\n\n")
    return {
        "files": without_time_of_run(files_of(host, *FOLDERS, without=(*LOGIN, *ANSWERS))),
        "processes": host.sh(DAEMONS).decode().splitlines(),
        "units": sorted(unit for unit in units if re.search(r"Id=(app@|nginx|php|ssh)", unit)),
        "mounts": host.sh("cat /proc/1/mountinfo").decode().splitlines(),
        "listeners": host.sh("ss -Hlntx | awk '{print $1, $5}' | sort").decode().splitlines(),
    }


def without_time_of_run(lines: list[str]) -> list[str]:
    """pam renames a new motd into /run: that folder's own time moves."""
    return [line for line in lines if not line.startswith("/run|d|")]


def plans(at: OnHost) -> list[FileChange]:
    """Creates, deletes and edits; names new logs in old and in new folders; writes a drop-in; an FPM pool."""
    at.host.sh("mkdir -p /srv/logs")
    at.host.write("/etc/nginx/conf.d/old.conf", b"# goes\n")
    logs = b"access_log /var/log/nginx/new.log;\nerror_log /srv/logs/new.log;\n"
    return [
        create("/etc/nginx/conf.d/new.conf", logs),
        create("/etc/nginx/made/by/us.conf", b"# unused\n"),
        at.delete("/etc/nginx/conf.d/old.conf"),
        at.edit(SITE, (b"index index.php;", b"index index.php;\n    access_log /var/log/nginx/shop.log;")),
        at.edit(
            POOL,
            (b"pm.max_children = 5", b"pm.max_children = 6"),
            (b";slowlog = log/$pool.log.slow", b"slowlog = /srv/slow.log"),
        ),
        create("/etc/systemd/system/nginx.service.d/50-x.conf", b"[Service]\nRestart=always\n"),
        create("/etc/systemd/system/app@8001.service.d/50-x.conf", b"[Service]\nRestart=always\n"),
    ]


@pytest.mark.parametrize("stopped", [(), (NGINX,), (NGINX, FPM)], ids=["running", "nginx-stopped", "both-stopped"])
def test_a_dry_run_changes_no_byte_no_mode_no_time_no_process_and_no_mount(
    web1: LabHost, stopped: tuple[str, ...]
) -> None:
    for unit in stopped:
        web1.sh(f"systemctl stop {unit}")
    with on(web1) as at:
        changes = plans(at)
    web1.ssh("true")  # one login before, so that what the first one makes is there
    before = state_of(web1)
    with on(web1) as at:
        proof = at.prove(*changes)
    after = state_of(web1)
    assert proof.proven, proof
    assert len(proof.checks) == 3, "nginx, PHP-FPM and systemd"
    for what, lines in before.items():
        assert after[what] == lines, what
    assert set(re.findall(rb"remediate|curl", web1.read(ANSWERS[0]))) <= {b"remediate"}


def test_what_is_left_out_above_is_what_every_login_changes(web1: LabHost) -> None:
    web1.ssh("true")
    before = set(files_of(web1, *FOLDERS))
    web1.ssh("true")
    bare = {line.split("|")[0] for line in before ^ set(files_of(web1, *FOLDERS)) if "|" in line}
    assert {"/run", "/run/motd.dynamic"} <= bare
    assert not [path for path in bare - {"/run"} if not path.startswith(LOGIN)]


def test_php_fpm_logs_no_line_of_our_test(web1: LabHost) -> None:
    before = web1.read("/var/log/php8.2-fpm.log")
    with on(web1) as at:
        assert at.prove(at.append(POOL, b"; x\n")).proven
    assert web1.read("/var/log/php8.2-fpm.log") == before
    web1.sh("php-fpm8.2 -tt 2>/dev/null || true")
    assert web1.read("/var/log/php8.2-fpm.log") != before, "outside it does: this test can fail"


def test_the_trap_is_real_outside_the_private_namespace(web1: LabHost) -> None:
    """nginx -t on a stopped nginx leaves an empty pid file: the comparison above sees such things."""
    web1.sh("systemctl stop nginx")
    before = files_of(web1, "/run")
    web1.sh("nginx -t")
    assert [re.sub(r"\|.*", "", line) for line in files_of(web1, "/run") if line not in before and "|f|" in line] == [
        "/run/nginx.pid"
    ]
