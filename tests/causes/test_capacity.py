"""PHP-FPM's capacity: who is exhausted, who waits for something else, and who is neither."""

from __future__ import annotations

import dataclasses
import time

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.facts.work import Work, Works
from remediations.findings import Finding
from remediations.php import pools as php_pools
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found, with_unit
from tests.causes.recorded import snapshot

BLOCKED, EXHAUSTED = snapshot("pool-blocked"), snapshot("pool-exhausted")
POOL = f"{FPM}:www"
MAIN, WWW = "/etc/php/8.2/fpm/php-fpm.conf", "/etc/php/8.2/fpm/pool.d/www.conf"
SLOW_LOG = "/var/log/php-slow.log"


def works(host: Snapshot) -> Works:
    assert not isinstance(host.work, Unknown)
    return host.work


def working(host: Snapshot, **changed: object) -> Snapshot:
    """The same host, whose workers do something else."""
    every = {pid: dataclasses.replace(one, **changed) for pid, one in works(host).items()}  # type: ignore[arg-type]  # each test knows its fields
    return dataclasses.replace(host, work=every)


def capacity(host: Snapshot) -> Finding:
    return next(one for one in diagnosis.diagnose(host) if one.cause.startswith("pool-"))


def logging(host: Snapshot, *frames: str, ago: float = 5, pool: str = "www") -> Snapshot:
    """The same host, whose pool has a slow log with these innermost frames."""
    when = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(host.machine.now - ago))
    text = "".join(
        f"\n[{when}]  [pool {pool}] pid 7\nscript_filename = /srv/a.php\n[0x00007f1eaa014090] {frame}() /srv/a.php:2\n"
        "[0x00007f1eaa014010] main() /srv/a.php:9\n"
        for frame in frames
    )
    data = host.files[WWW].data + f"\nslowlog = {SLOW_LOG}\nrequest_slowlog_timeout = 5s\n".encode()
    log = Log(SLOW_LOG, text.encode(), cut=False)
    old = with_unit(host, served_since=host.machine.uptime - 600)
    return dataclasses.replace(old.with_file(host.files[WWW].real_path, data), slow_logs={SLOW_LOG: log})


def test_a_pool_that_waits_for_a_database_is_not_to_be_raised() -> None:
    finding = capacity(BLOCKED)
    assert (finding.cause, finding.confidence, finding.remediation) == ("pool-blocked", "certain", None)
    assert "MySQL (SHOW FULL PROCESSLIST)" in str(finding.advice)
    assert "Do not raise pm.max_children" in str(finding.advice)


def test_workers_that_work_are_too_few() -> None:
    finding = capacity(EXHAUSTED)
    assert (finding.cause, finding.remediation) == ("pool-exhausted", "tune-max-children")
    assert works(EXHAUSTED)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"busy": 0.2}, "pool-exhausted"),
        ({"asleep": False}, "pool-exhausted"),
        ({"moved": True}, "pool-blocked"),
        ({"moved": True, "connections": (("/run/php/php8.2-fpm.sock", "*"),)}, "pool-exhausted"),
        ({"connections": (("/run/php/php8.2-fpm.sock", "*"),)}, "pool-blocked"),
        ({"connections": (("/var/run//php/php8.2-fpm.sock", "*"),)}, "pool-blocked"),
        ({"connections": (("*", "/run/systemd/journal/stdout"),)}, "pool-exhausted"),
    ],
    ids=["computes", "runnable", "chats with its database", "short requests", "stands still", "spelling", "idle"],
)
def test_only_who_serves_and_waits_is_blocked(changed: dict[str, object], cause: str) -> None:
    assert capacity(working(BLOCKED, **changed)).cause == cause


def test_one_worker_that_waits_does_not_make_a_blocked_pool() -> None:
    (first, one), *others = works(BLOCKED).items()
    busy = {pid: dataclasses.replace(other, busy=0.3, asleep=False) for pid, other in others}
    assert capacity(dataclasses.replace(BLOCKED, work={first: one, **busy})).cause == "pool-exhausted"


def test_where_the_workers_could_not_be_seen_nothing_is_said_of_what_they_do() -> None:
    blind = dataclasses.replace(BLOCKED, work=Unknown("no time"))
    assert found(blind) == [("pool-exhausted", POOL)]
    assert "unknown" not in diagnosis.blind_spots(blind)


@pytest.mark.parametrize(
    ("wait", "name"),
    [
        ("flock_lock_inode_wait", "a lock on a file"),
        ("hrtimer_nanosleep", "a sleep"),
        ("rpc_wait_bit_killable", "disk"),
    ],
)
def test_the_kernels_word_tells_where_to_look(wait: str, name: str) -> None:
    host = working(BLOCKED, wait=wait, connections=(("/run/php/php8.2-fpm.sock", "*"),))
    assert name in capacity(host).summary
    assert f"2 in {wait}" in str(capacity(host).evidence)


def test_an_unknown_server_is_named_by_its_address() -> None:
    host = working(BLOCKED, connections=(("/run/php/php8.2-fpm.sock", "*"), ("10.0.0.1:4000", "10.0.0.9:8443")))
    assert "10.0.0.9:8443" in capacity(host).summary


def test_the_slow_log_shows_in_what() -> None:
    finding = capacity(logging(BLOCKED, "mysqli_query", "mysqli_query", "strlen"))
    assert any(
        "2 of the last 3 slow requests were in mysqli_query() at /srv/a.php:2" in e.text for e in finding.evidence
    )


@pytest.mark.parametrize(
    ("frames", "more", "cause"),
    [
        (["PDOStatement->execute", "curl_exec"], {}, "pool-blocked"),
        (["mysqli_query"], {}, "pool-exhausted"),
        (["preg_match", "preg_match", "mysqli_query"], {}, "pool-exhausted"),
        (["mysqli_query", "mysqli_query"], {"ago": 3600}, "pool-exhausted"),
        (["mysqli_query", "mysqli_query"], {"pool": "other"}, "pool-exhausted"),
    ],
    ids=["waits", "only one", "computes", "old", "another pool"],
)
def test_after_a_burst_the_slow_log_alone_may_tell(frames: list[str], more: dict[str, float], cause: str) -> None:
    host = logging(dataclasses.replace(BLOCKED, work=Unknown("no pool looked busy")), *frames, **more)  # type: ignore[arg-type]  # of the parameters above
    finding = capacity(host)
    assert (finding.cause, finding.confidence) == (cause, "likely" if cause == "pool-blocked" else "certain")


def static(host: Snapshot) -> Snapshot:
    """The same pool, of a fixed size: PHP-FPM logs nothing of it, and nobody waits yet."""
    assert not isinstance(host.logs, Unknown)
    assert not isinstance(host.sockets, Unknown)
    data = host.files[WWW].data.replace(b"\npm = dynamic", b"\npm = static")
    sockets = tuple(dataclasses.replace(one, waiting=0) for one in host.sockets)
    silent = dataclasses.replace(host, logs={}, sockets=sockets)
    return silent.with_file(host.files[WWW].real_path, data)


def test_a_static_pool_logs_nothing_and_is_seen_at_work() -> None:
    assert capacity(static(BLOCKED)).cause == "pool-blocked"
    assert capacity(static(EXHAUSTED)).cause == "pool-exhausted"
    assert "all 2 workers that pool www may have serve a request" in str(capacity(static(BLOCKED)).evidence)


def test_all_workers_at_work_are_no_fault_of_a_site_that_answers() -> None:
    host = static(BLOCKED)
    well = dataclasses.replace(host, answers=snapshot("healthy").answers)
    assert found(well) == []


@pytest.mark.parametrize(
    ("pm", "spare", "status", "waiting", "looked", "if_busy"),
    [
        ("dynamic", 1, "", 0, True, False),
        ("dynamic", 2, "", 0, False, True),
        ("ondemand", 1, "", 0, True, False),
        ("static", 1, "", 0, False, True),
        ("static", 1, "Processes active: 2, idle: 0, Requests: 2", 0, True, False),
        ("static", 1, "Processes active: 1, idle: 1, Requests: 2", 0, False, True),
        ("static", 1, "", 3, True, False),
    ],
)
def test_workers_are_looked_at_only_where_a_pool_seems_to_have_none_to_spare(
    pm: str, spare: int, status: str, waiting: int, looked: bool, if_busy: bool
) -> None:
    data = BLOCKED.files[WWW].data.replace(b"\npm = dynamic", f"\npm = {pm}".encode())
    data = data.replace(b"pm.max_spare_servers = 1", f"pm.max_spare_servers = {spare}".encode())
    assert not isinstance(BLOCKED.sockets, Unknown)
    sockets = tuple(dataclasses.replace(one, waiting=waiting) for one in BLOCKED.sockets)
    host = dataclasses.replace(with_unit(BLOCKED, status_text=status), sockets=sockets)
    host = host.with_file(BLOCKED.files[WWW].real_path, data)
    assert bool(php_pools.pressed(host)) is looked
    assert bool(php_pools.full_grown(host)) is if_busy


def test_without_root_the_status_says_that_all_of_them_serve() -> None:
    blind = working(BLOCKED, connections=())
    assert capacity(with_unit(blind, status_text="Processes active: 2, idle: 0, Requests: 2")).cause == "pool-blocked"
    assert capacity(with_unit(blind, status_text="Ready to handle connections")).cause == "pool-exhausted"


def test_a_hostile_slow_log_is_read_in_no_time() -> None:
    host = logging(BLOCKED)
    text = "[0x00 a" * 2000 + "\n" + "[" * 20000 + "\n[28-Nov-2026 00:00:00]  [pool " + "w" * 20000
    log = Log(SLOW_LOG, text.encode(), cut=True)
    assert capacity(dataclasses.replace(host, slow_logs={SLOW_LOG: log})).cause == "pool-blocked"


def test_the_shares_are_of_the_time_between_the_looks() -> None:
    assert Work(0.4, 0.05, asleep=True, moved=True).computes
    assert not Work(4.0, 0.05, asleep=True, moved=True).computes


def test_a_pool_that_was_full_and_is_not_now_explains_nothing_that_is_bad_now() -> None:
    assert not isinstance(EXHAUSTED.sockets, Unknown)
    quiet = tuple(dataclasses.replace(one, waiting=0) for one in EXHAUSTED.sockets)
    well = dataclasses.replace(EXHAUSTED, answers=snapshot("healthy").answers, sockets=quiet, work={})
    finding = capacity(with_unit(well, status_text="Processes active: 0, idle: 2, Requests: 9"))
    assert finding.aside
    assert "had all of its 2 workers busy" in finding.summary
    assert not capacity(EXHAUSTED).aside


def test_workers_that_want_all_processors_are_not_to_be_many_more() -> None:
    seconds = next(iter(works(EXHAUSTED).values())).seconds
    assert EXHAUSTED.machine.cores == len(works(EXHAUSTED)) == 2
    shared = working(EXHAUSTED, busy=0.1, asleep=False, moved=False)
    for host in (working(EXHAUSTED, busy=seconds), shared):
        assert "want 2.0 of the 2 processors" in str(capacity(host).advice)
    assert "processors" not in str(capacity(EXHAUSTED).advice)
