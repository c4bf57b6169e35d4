"""Room, memory and databases: what is full explains what fails for it, and nothing else; a good site stays good."""

from __future__ import annotations

import dataclasses

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.disks import Disk, Disks, Held
from remediations.facts.kernel import Kill
from remediations.facts.logs import Log
from remediations.findings import Finding
from remediations.snapshot import Snapshot
from tests.causes.alter import found, with_named_unit
from tests.causes.recorded import snapshot

NGINX_LOG = "/var/log/nginx/error.log"
GIB = 1 << 30


def disks(host: Snapshot) -> Disks:
    assert not isinstance(host.disks, Unknown)
    return host.disks


def with_disks(host: Snapshot, *more: Disk, **told: object) -> Snapshot:
    """A host with one big root and these file systems."""
    every = (Disk("/", "ext4", GIB, 9 * GIB), *more)
    made = Disks(tuple(one.mount for one in every), {one.mount: one for one in every}, {})
    return dataclasses.replace(host, disks=dataclasses.replace(made, **told))  # type: ignore[arg-type]  # by each test


FULL_LOGS = Disk("/var/log", "ext4", GIB, 0)


def test_full_logs_beside_a_stopped_service_are_told_and_are_no_root_cause() -> None:
    host = with_disks(snapshot("service-stopped"), FULL_LOGS)
    assert found(host) == [("service-stopped", "php8.2-fpm.service"), ("disk-full", "/var/log")]


def test_full_logs_are_the_finding_where_nothing_else_can_be_said() -> None:
    """Its log would say why, and is silently empty."""
    host = with_disks(snapshot("header-too-big"), FULL_LOGS)
    silent = dataclasses.replace(host, logs={NGINX_LOG: Log(NGINX_LOG, b"", cut=False)})
    (finding,) = diagnosis.diagnose(silent)
    assert (finding.cause, finding.subject) == ("disk-full", "/var/log")
    assert "an empty log proves nothing" in finding.summary


@pytest.mark.parametrize(
    "disk",
    [
        Disk("/mnt/backup", "ext4", GIB, 0),
        Disk("/boot", "ext4", GIB, 0),
        Disk("/var/log", "ext4", 99 * GIB, GIB),
        Disk("/var/log", "ext4", 0, 8 << 20),
        Disk("/var/log", "ext4", GIB, GIB, inodes=0, inodes_free=0),
        Disk("/var/log", "tmpfs", 0, GIB, inodes=10, inodes_free=9),
    ],
    ids=["a backup", "boot", "1 GiB left", "small and empty", "counts no inodes", "few inodes, hardly used"],
)  # fmt: skip
def test_what_is_full_elsewhere_or_only_nearly_is_no_finding(disk: Disk) -> None:
    assert found(with_disks(snapshot("healthy"), disk)) == []


def test_a_database_that_failed_where_its_data_have_no_room_is_not_started() -> None:
    disk, database = diagnosis.diagnose(snapshot("database-disk-full"))
    assert (disk.cause, database.cause, database.remediation) == ("disk-full", "database-down", None)
    assert "make room first, then systemctl start mariadb.service" in str(database.advice)


def test_a_database_with_room_is_started() -> None:
    (finding,) = diagnosis.diagnose(snapshot("database-down"))
    assert (finding.remediation, finding.advice) == ("restart-service", None)
    assert any("Uncaught mysqli_sql_exception" in one.text for one in finding.evidence)


@pytest.mark.parametrize(
    ("changed", "cure", "advice"),
    [
        ({"unit_file_state": "disabled"}, "restart-service", "--set restart-service.services=mariadb.service"),
        ({"load_state": "masked"}, None, "systemctl unmask mariadb.service"),
        ({"active_state": "activating", "sub_state": "start"}, None, "A recovery may take long"),
        ({"active_state": "activating", "sub_state": "auto-restart"}, None, "over and over"),
    ],
)
def test_a_database_is_brought_back_only_as_it_may_be(
    changed: dict[str, object], cure: str | None, advice: str
) -> None:
    (finding,) = diagnosis.diagnose(with_named_unit(snapshot("database-down"), "mariadb.service", **changed))
    assert (finding.cause, finding.remediation) == ("database-down", cure)
    assert advice in str(finding.advice)


def test_a_database_that_runs_and_is_not_reached_is_left_alone() -> None:
    """It listens elsewhere, or the site's password is wrong: what was said before its start is over."""
    down = snapshot("database-down")
    running = {"active_state": "active", "sub_state": "running"}
    (finding,) = diagnosis.diagnose(with_named_unit(down, "mariadb.service", **running, served_since=1.0))
    assert (finding.cause, finding.subject, finding.remediation) == ("database-down", "MySQL", None)
    since = down.machine.uptime + 1
    later = with_named_unit(down, "mariadb.service", **running, served_since=since + 2)
    assert [one.cause for one in diagnosis.diagnose(later)] == ["unknown"]


def test_a_database_elsewhere_is_asked_for_there() -> None:
    down = snapshot("database-down")
    assert not isinstance(down.units, Unknown)
    units = {name: unit for name, unit in down.units.items() if name != "mariadb.service"}
    (finding,) = diagnosis.diagnose(dataclasses.replace(down, units=units))
    assert (finding.subject, finding.remediation) == ("MySQL", None)
    assert "nc -vz HOST 3306" in str(finding.advice)


SAID = (
    "PHP Fatal error:  Uncaught mysqli_sql_exception: Connection refused in /x.php:1",
    "PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] No such file or directory in /x.php:1",
    "PHP Warning:  mysqli_real_connect(): (HY000/2002): Connection refused in /x.php on line 1",
    "PHP Fatal error:  Uncaught mysqli_sql_exception: php_network_getaddresses: getaddrinfo for db failed in /x.php:1",
)
SAID_BY_POSTGRESQL = (
    'PHP Fatal error:  Uncaught PDOException: SQLSTATE[08006] [7] connection to server at "localhost" (127.0.0.1), '
    "port 5432 failed: Connection refused",
    "PHP Warning:  pg_connect(): Unable to connect to PostgreSQL server: connection to server on socket "
    '"/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory',
)
NOT_DOWN = (
    "PHP Fatal error:  Uncaught mysqli_sql_exception: Access denied for user 'shop'@'localhost' in /x.php:1",
    "PHP Fatal error:  Uncaught mysqli_sql_exception: Too many connections in /x.php:1",
    "PHP Fatal error:  Uncaught PDOException: SQLSTATE[42S02]: Base table or view not found: 1146 in /x.php:1",
    "PHP Fatal error:  Uncaught PDOException: SQLSTATE[08006] [7] FATAL:  password authentication failed for user",
    "PHP Warning:  include(/x.php): Failed to open stream: No such file or directory in /y.php on line 1",
)


def saying(message: str) -> tuple[Finding, ...]:
    """The host whose database is down, where PHP said just this of it."""
    host = snapshot("database-down")
    assert not isinstance(host.logs, Unknown)
    log = host.logs[NGINX_LOG]
    line = next(line for line in reversed(log.lines) if "FastCGI sent in stderr" in line)
    start, request = line.split("FastCGI sent", 1)[0], 'client: 127.0.0.1, server: shop.example, host: "shop.example"'
    text = f'{start}FastCGI sent in stderr: "PHP message: {message}" while reading response header, {request}\n'
    return diagnosis.diagnose(
        dataclasses.replace(host, logs={**host.logs, NGINX_LOG: Log(NGINX_LOG, text.encode(), cut=False)})
    )


@pytest.mark.parametrize("message", SAID)
def test_what_php_says_of_mysql_names_its_unit(message: str) -> None:
    assert [(one.cause, one.subject) for one in saying(message)] == [("database-down", "mariadb.service")]


@pytest.mark.parametrize("message", SAID_BY_POSTGRESQL)
def test_what_php_says_of_postgresql_names_it(message: str) -> None:
    """The host has no unit of PostgreSQL; made by hand."""
    assert [(one.cause, one.subject) for one in saying(message)] == [("database-down", "PostgreSQL")]


@pytest.mark.parametrize("message", NOT_DOWN)
def test_other_errors_of_php_do_not_mean_that_a_database_is_down(message: str) -> None:
    assert "database-down" not in [one.cause for one in saying(message)]


def kill(host: Snapshot, name: str, *, unit: str | None = None, limited: bool = False, ago: float = 1.0) -> Kill:
    return Kill(host.machine.now - ago, False, 4711, name, unit, limited, f"Killed process 4711 ({name}) total-vm:1kB")


def test_a_service_that_the_kernel_killed_for_the_whole_host_died_of_memory() -> None:
    """Made by hand: no host of the lab can run out of the machine's memory."""
    host = snapshot("service-crashed")
    host = dataclasses.replace(host, kernel=(kill(host, "php-fpm8.2", unit="php8.2-fpm.service"),))
    assert found(host) == [("memory-exhausted", "web1"), ("service-crashed", "php8.2-fpm.service")]
    assert "Never raise pm.max_children" in str(diagnosis.diagnose(host)[0].advice)


def test_what_grew_is_named_without_its_command_line() -> None:
    host = snapshot("service-crashed")
    assert not isinstance(host.processes, Unknown)
    pid, process = next((pid, one) for pid, one in host.processes.items() if one.name == "php")
    hog = dataclasses.replace(process, resident=3 * GIB)
    host = dataclasses.replace(
        host, kernel=(kill(host, "php-fpm8.2"),), processes={**host.processes, pid: hog},
    )  # fmt: skip
    finding = diagnosis.diagnose(host)[0]
    assert finding.cause == "memory-exhausted"
    assert f"php (pid {pid}, {hog.unit}) holds 3.0 GiB" in [one.text for one in finding.evidence]


@pytest.mark.parametrize(
    ("fault", "name", "limited", "ago", "expected"),
    [
        ("healthy", "backup", False, 1.0, []),
        ("service-crashed", "php-fpm8.2", True, 1.0, ["service-crashed"]),
        ("service-crashed", "php-fpm8.2", False, 1000.0, ["service-crashed"]),
        ("service-crashed", "backup", False, 1.0, ["service-crashed", "memory-exhausted"]),
    ],
    ids=["a good site", "a cgroup's limit", "long ago", "somebody else's process"],
)
def test_other_kills_are_no_root_cause(fault: str, name: str, limited: bool, ago: float, expected: list[str]) -> None:
    host = snapshot(fault)
    host = dataclasses.replace(host, kernel=(kill(host, name, limited=limited, ago=ago),))
    assert [cause for cause, _ in found(host)] == expected


def test_next_to_no_memory_stands_beside_another_cause() -> None:
    host = snapshot("slow-upstream")
    machine = dataclasses.replace(host.machine, memory_available=1 << 20, swap_total=GIB, swap_free=0)
    scarce = dataclasses.replace(host, machine=machine)
    assert [cause for cause, _ in found(scarce)] == ["slow-upstream", "memory-exhausted"]
    roomy = dataclasses.replace(machine, swap_free=GIB)
    assert [cause for cause, _ in found(dataclasses.replace(host, machine=roomy))] == ["slow-upstream"]


@pytest.mark.parametrize(("name", "ago"), [("php-fpm8.2", 500), ("mysqld", 0)])
def test_the_kernels_word_of_another_process_or_time_is_not_about_this_worker(name: str, ago: int) -> None:
    host = snapshot("worker-killed")
    host = dataclasses.replace(host, kernel=(kill(host, name, limited=True, ago=ago),))
    assert [cause for cause, _ in found(host)] == ["worker-killed"]


def test_a_deleted_log_that_is_held_open_is_named_with_its_holder() -> None:
    held = Held("/var/log/nginx/error.log", 300 << 20, 77, "nginx")
    other = Held("/srv/x", 1, 78, "php")
    (finding,) = diagnosis.diagnose(with_disks(snapshot("healthy"), FULL_LOGS, deleted=(held, other)))
    texts = [one.text for one in finding.evidence if one.source == "process"]
    assert texts == ["nginx (pid 77) holds /var/log/nginx/error.log open, deleted: 300 MiB"]
    assert "nginx -s reopen" in str(finding.advice)


def test_a_kernel_log_that_may_not_be_read_does_not_rule_out_want_of_memory() -> None:
    deaf = dataclasses.replace(snapshot("worker-killed"), kernel=Unknown("the kernel's log is readable by root only"))
    assert "Unknown here: the kernel's log is readable by root only" in str(diagnosis.diagnose(deaf)[0].advice)
