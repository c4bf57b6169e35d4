"""Hearing: what of the logs could not be read, and what of it matters for the present fault."""

from __future__ import annotations

from collections.abc import Iterator

from remediations import freshness, health
from remediations.facts.base import Unknown
from remediations.facts.logs import MAX_LOG_BYTES, Log
from remediations.snapshot import Snapshot


def gaps(snapshot: Snapshot) -> Iterator[str]:
    """Logs whose file is deleted; while the site is not good also those of whose last minutes a cap left a part out."""
    logs = () if isinstance(snapshot.logs, Unknown) else snapshot.logs.values()
    for log in logs:
        if log.held:
            yield f"{log.path} is deleted, yet written to: nobody else can read it; {_reopen(log.path)}"
        if log.cut and health.judge(snapshot.answers).ok is not True:
            yield from _cut(snapshot, log)


def _reopen(path: str) -> str:
    return "nginx -s reopen makes it anew" if "nginx" in path else "a USR1 to its master makes it anew"


def _cut(snapshot: Snapshot, log: Log) -> Iterator[str]:
    machine = snapshot.machine
    if not log.data:
        yield f"{log.path} was not read: the logs together are longer than what is read of a host"
        return
    times = (freshness.log_time(machine, line) for line in log.lines)
    begins = next((time for time in times if time is not None), None)
    if begins is None or begins > machine.now - freshness.RECENT_SECONDS:
        since = f", since {freshness.clock(machine, begins)}" if begins else ""
        yield f"only the last {MAX_LOG_BYTES >> 10} KiB of {log.path} were read{since}: it holds more that is fresh"
