"""Where logs could not be read whole, the report says so, if it matters for the present fault."""

from __future__ import annotations

from dataclasses import replace

from remediations import hearing
from remediations.facts.logs import Log
from remediations.host import freshness
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot

LOG = "/var/log/nginx/error.log"


def told(host: Snapshot, *logs: Log) -> list[str]:
    return list(hearing.gaps(replace(host, logs={log.path: log for log in logs})))


def cut(host: Snapshot, ago: float) -> Log:
    begins = freshness.clock(host.machine, host.machine.now - ago).replace("-", "/")
    return Log(LOG, f"half a line\n{begins} [error] 7#7: x\n".encode(), cut=True)


def test_a_cap_that_cut_into_the_last_minutes_of_a_bad_site_is_said() -> None:
    bad, well = snapshot("header-too-big"), snapshot("healthy")
    (gap,) = told(bad, cut(bad, 10))
    assert gap.startswith(f"only the last 256 KiB of {LOG} were read, since 20")
    assert told(bad, cut(bad, 3600)) == []
    assert told(well, cut(well, 10)) == []


def test_many_logs_that_were_not_read_are_one_line() -> None:
    unread = [Log(f"/var/log/nginx/s{number}.log", b"", cut=True) for number in range(400)]
    (gap,) = told(snapshot("header-too-big"), *unread)
    assert gap.startswith("/var/log/nginx/s0.log and 399 more were not read")


def test_a_log_that_is_deleted_and_written_to_is_said_of_a_good_site_too() -> None:
    (gap,) = told(snapshot("healthy"), Log(LOG, b"", cut=False, held=True))
    assert "nginx -s reopen" in gap
