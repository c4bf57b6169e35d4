"""nginx's error log as records: time, severity, message, and the upstream that a request was for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.facts.machine import Machine
from remediations.host import freshness
from remediations.host.remembered import remembered
from remediations.snapshot import Snapshot

_RECORD = re.compile(
    r"^(?P<ts>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<pid>\d+)#\d+: (?:\*\d+ )?(?P<message>.*)$",
    re.DOTALL,
)
_UPSTREAM = re.compile(r', upstream: "(?P<upstream>[^"]*)"')
_ABOUT = ", client: "
"""What follows tells of the request; there clients have their say, and nginx writes no bare quote of theirs."""
_METHOD = re.compile(r', request: "(?P<name>[A-Z]{1,20}) ')
_SERVER = re.compile(r", server: (?P<name>[^,]*)")
_HOST = re.compile(r', host: "(?P<name>[^"]*)"')
JOURNAL = "journal:"
"""How the path begins of what nginx says there, and not in a file."""
LONGEST_MESSAGE = 2048
"""nginx itself writes at most that much into a line."""


@dataclass(frozen=True)
class Record:
    """One record, which may span lines (PHP stack traces do); `time` in seconds since the epoch.

    `message` is what nginx itself says, without the request; `sites` the server and the host that it was for, `method`
    what the request wanted done.
    """

    path: str
    time: float
    level: str
    text: str
    message: str
    upstream: str | None
    sites: tuple[str, ...]

    @property
    def source(self) -> str:
        """Where it stands, as evidence names it."""
        return source(self.path)

    pid: int = 0
    method: str = ""


def source(path: str) -> str:
    """How evidence names a log, or what stands in the journal as one."""
    return path if path.startswith(JOURNAL) else f"log:{path}"


@remembered
def records(snapshot: Snapshot) -> tuple[Record, ...]:
    """The records of all nginx error logs that were read, oldest first in each."""
    logs = () if isinstance(snapshot.logs, Unknown) else snapshot.logs.values()
    return tuple(record for one in logs for record in _parsed(snapshot.machine, one))


def _parsed(machine: Machine, log: Log) -> Iterator[Record]:
    for text in _joined(log.lines):
        match = _RECORD.match(text)
        record = match and _record(machine, log.path, text, match)
        if record:
            yield record


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


def _record(machine: Machine, path: str, text: str, match: re.Match[str]) -> Record | None:
    """None for a line that looks like a record and has no time: programs behind nginx may write lines into its log."""
    try:
        time = freshness.local_time(machine, match["ts"], "%Y/%m/%d %H:%M:%S")
    except ValueError:
        return None
    message, _, about = match["message"].partition(_ABOUT)
    upstream = _UPSTREAM.search(about)
    method = _METHOD.search(about)
    names = (found["name"].lower() for pattern in (_HOST, _SERVER) if (found := pattern.search(about)))
    return Record(
        path, time, match["level"], text, message[:LONGEST_MESSAGE], upstream["upstream"] if upstream else None,
        tuple(name for name in names if name), int(match["pid"]), method["name"] if method else "",
    )  # fmt: skip
