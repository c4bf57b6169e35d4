"""nginx's error log as records: time, severity, message, and the upstream that a request was for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations import freshness
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.machine import Machine
from remediations.snapshot import Snapshot

_RECORD = re.compile(
    r"^(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] \d+#\d+: (?:\*\d+ )?(?P<message>.*)$", re.DOTALL
)
_UPSTREAM = re.compile(r', upstream: "(?P<upstream>[^"]*)"')


@dataclass(frozen=True)
class Record:
    """One record, which may span lines (PHP stack traces do); `time` in seconds since the epoch."""

    path: str
    time: float
    level: str
    text: str
    upstream: str | None


def records(snapshot: Snapshot) -> Iterator[Record]:
    """The records of all nginx error logs that were read, oldest first in each."""
    if isinstance(snapshot.logs, Unknown):
        return
    for log in snapshot.logs.values():
        for text in _joined(log.lines):
            match = _RECORD.match(text)
            if match:
                yield _record(snapshot.machine, log.path, text, match)


def last_about(snapshot: Snapshot, address: Address, since: float) -> Record | None:
    """The newest record of a request that was passed to this address."""
    name = f":{address.path}:" if address.path is not None else f"//{address}"
    found = [one for one in records(snapshot) if one.upstream and name in one.upstream + ":" and one.time >= since]
    return found[-1] if found else None


def _joined(lines: tuple[str, ...]) -> Iterator[str]:
    """A line that does not begin with a time belongs to the record before it."""
    current: list[str] = []
    for line in lines:
        if current and re.match(r"\d{4}/\d\d/\d\d ", line):
            yield "\n".join(current)
            current = []
        current.append(line)
    if current:
        yield "\n".join(current)


def _record(machine: Machine, path: str, text: str, match: re.Match[str]) -> Record:
    upstream = _UPSTREAM.search(match["message"])
    time = freshness.local_time(machine, match["ts"], "%Y/%m/%d %H:%M:%S")
    return Record(path, time, match["level"], text, upstream["upstream"] if upstream else None)
