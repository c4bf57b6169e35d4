"""What each PHP-FPM says of itself: the lines of its log, and those of the journal where it says so to syslog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.findings import Evidence
from remediations.host import freshness
from remediations.snapshot import FpmVersion, Snapshot

_LEVEL = re.compile(r"(?:\[[^\]]{1,40}\] [A-Z]{1,10}: |\[[A-Z]{1,10}\] )")
"""In its own log the time and the level, in syslog the level alone."""
_MUTE = ("error", "alert")


@dataclass(frozen=True)
class Said:
    """`time` in seconds since the epoch; `message` is what stands after time and level."""

    time: float
    message: str
    evidence: Evidence


def lines(snapshot: Snapshot, version: FpmVersion) -> Iterator[Said]:
    """Oldest first, in each of both."""
    yield from _logged(snapshot, version)
    yield from _journalled(snapshot, version)


def fresh(snapshot: Snapshot, version: FpmVersion) -> Iterator[Said]:
    """Those of the last 15 minutes, since its last start or reload."""
    since = fresh_since(snapshot, version)
    return (one for one in lines(snapshot, version) if one.time >= since)


def fresh_since(snapshot: Snapshot, version: FpmVersion) -> float:
    unit = snapshot.unit(version.fpm.unit)
    served = freshness.at(snapshot.machine, unit.served_since) if unit else 0.0
    return max(served, snapshot.machine.now - freshness.RECENT_SECONDS)


def muted(version: FpmVersion) -> str | None:
    """Where its files have it say nothing of workers that die: it calls that a warning."""
    level = version.config.global_settings.log_level
    if level.value not in _MUTE or level.source is None:
        return None
    return f"{level.source.file}:{level.source.line}: log_level = {level.value}"


def _logged(snapshot: Snapshot, version: FpmVersion) -> Iterator[Said]:
    path = version.config.global_settings.error_log.value
    if isinstance(snapshot.logs, Unknown) or path is None or path not in snapshot.logs:
        return
    for line in snapshot.logs[path].lines:
        if said := said_in(snapshot, path, line):
            yield said


def said_in(snapshot: Snapshot, path: str, line: str) -> Said | None:
    """What this line of a log says; None where it is none of PHP-FPM's."""
    time, level = freshness.fpm_time(snapshot.machine, line), _LEVEL.match(line)
    if time is None or level is None:
        return None
    return Said(time, line[level.end() :], Evidence(f"log:{path}", line))


def _journalled(snapshot: Snapshot, version: FpmVersion) -> Iterator[Said]:
    for line in () if isinstance(snapshot.journal, Unknown) else snapshot.journal:
        if line.unit == version.fpm.unit and line.source != "systemd" and (level := _LEVEL.match(line.message)):
            shown = f"{freshness.clock(snapshot.machine, line.time)} {line.message}"
            yield Said(line.time, line.message[level.end() :], Evidence(f"journal:{line.unit}", shown))
