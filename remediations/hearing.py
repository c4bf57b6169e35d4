"""Hearing: what of the logs could not be read, and what of it matters for the present fault."""

from __future__ import annotations

from collections.abc import Iterator

from remediations import health
from remediations.facts.base import Unknown
from remediations.facts.logs import MAX_LOG_BYTES, Log
from remediations.host import freshness
from remediations.snapshot import Snapshot


def gaps(snapshot: Snapshot) -> Iterator[str]:
    """Logs whose file is deleted; while the site is not good also those of whose last minutes a cap left a part out."""
    logs = [] if isinstance(snapshot.logs, Unknown) else list(snapshot.logs.values())
    for log in logs:
        if log.held:
            yield f"{log.path} is deleted, yet written to: nobody else can read it; {_reopen(log.path)}"
    if health.judge(snapshot.answers).ok is not True:
        yield from (gap for log in logs if log.cut and log.data and (gap := _cut(snapshot, log)))
        unread = [log.path for log in logs if log.cut and not log.data]
        if unread:
            more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
            yield f"{unread[0]}{more} were not read, though written to lately: they are more than is read of a host"


def _reopen(path: str) -> str:
    return "nginx -s reopen makes it anew" if "nginx" in path else "a USR1 to its master makes it anew"


def _cut(snapshot: Snapshot, log: Log) -> str | None:
    """Said only where the part that was left out is of the last minutes, too."""
    machine = snapshot.machine
    times = (freshness.log_time(machine, line) for line in log.lines)
    begins = next((time for time in times if time is not None), None)
    if begins is not None and begins <= machine.now - freshness.RECENT_SECONDS:
        return None
    since = f", since {freshness.clock(machine, begins)}" if begins else ""
    return f"only the last {MAX_LOG_BYTES >> 10} KiB of {log.path} were read{since}: it holds more that is fresh"
