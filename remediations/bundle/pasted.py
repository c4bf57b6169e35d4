"""A log that somebody pasted: nginx's, PHP-FPM's, the journal's, or all in one; as a host of which no more is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

from remediations.bundle import typed
from remediations.bundle.typed import DamagedError
from remediations.facts.base import Unknown, lines_of
from remediations.facts.journal import JournalLine
from remediations.facts.logs import Log
from remediations.facts.machine import Machine
from remediations.host import freshness
from remediations.snapshot import Snapshot

NOT_ASKED = "only a log was given; the host was not asked"
PLENTY = 1 << 40
"""Of memory: a log says nothing of it, and no cause may be told from that."""

MOST_LINES = 200_000
LONGEST_LINE = 8192
"""Characters; what nginx writes is shorter."""
MOST_CONTINUED = 50
"""Lines of a stack trace; what else stands behind a record may be somebody's letter."""

_QUOTED = re.compile(r"[\s>\ufeff]*(?:[\w.-]{1,63} *\| )?")
"""How mails quote and docker compose marks a line."""
_NGINX = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] ")
_FPM = re.compile(r"\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?\] (?:DEBUG|NOTICE|WARNING|ERROR|ALERT): ")
_JOURNAL = re.compile(
    r"(?:(?P<short>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
    r"|(?:[A-Z][a-z]{2} )?(?P<day>\d{4}-\d\d-\d\d)[T ](?P<clock>\d\d:\d\d:\d\d))"
    r"(?:[.,]\d{1,9})?(?P<zone>Z|[+-]\d\d:?\d\d)?(?: [A-Z]{3,5})? "
    r"(?P<host>\S{1,255}) (?P<who>[^\s\[:]{1,255})(?:\[\d+\])?: (?P<message>.*)"
)
_UNIT = re.compile(
    r"(?P<named>\S+\.service): |"
    r"(?:Started|Stopped|Starting|Stopping|Failed to start|Reloading|Reloaded) (?P<verb>\S+\.service)\b"
)
_ACCESS = re.compile(r'\S+ \S+ \S+ \[\d\d/\w{3}/\d{4}:[^\]]+\] "')


@dataclass
class _Sorted:
    """The lines by who wrote them; of those that begin with no time each belongs to the one before it."""

    nginx: list[str] = field(default_factory=list)
    fpm: list[str] = field(default_factory=list)
    journal: list[re.Match[str]] = field(default_factory=list)

    def take(self, lines: Sequence[str]) -> None:
        last: list[str] = []
        more = 0
        for line in lines:
            bare = line[_mark(line) : LONGEST_LINE].rstrip("\r")
            if found := self._home(bare):
                (last, bare), more = found, 0
            if found or (last and more < MOST_CONTINUED):
                last.append(bare)
                more += 1

    def _home(self, line: str) -> tuple[list[str], str] | None:
        """Where the line belongs, and what of it: daemons may write to the journal, too."""
        if match := _JOURNAL.match(line):
            self.journal.append(match)
            line = match["message"]
        if _NGINX.match(line):
            return self.nginx, line
        if _FPM.match(line):
            return self.fpm, line
        return ([], line) if match else None


def snapshot(name: str, data: bytes, *, cut: bool, now: float) -> Snapshot:
    """The newest time in it is taken for the present; `now` tells the year where lines do not.

    Raises DamagedError where no line of it is known.
    """
    lines = lines_of(data)[-MOST_LINES:]
    found = _Sorted()
    found.take(lines[1:] if cut else lines)
    zone = next((match["zone"] for match in reversed(found.journal) if match["zone"]), "Z")
    machine = _machine(name, "+0000" if zone == "Z" else zone.replace(":", ""))
    times = [time for line in (*found.nginx, *found.fpm) if (time := freshness.log_time(machine, line)) is not None]
    journal = tuple(_journal(machine, found.journal, max(times, default=now)))
    times += [line.time for line in journal]
    if not times:
        raise DamagedError(_stranger(lines))
    written = {"nginx": found.nginx, "php-fpm": found.fpm}
    logs = {who: Log(name, "\n".join(text).encode(), cut=False) for who, text in written.items() if text}
    alone = _alone(name, _machine(name, machine.utc_offset, max(times)))
    return replace(alone, logs=logs, journal=journal or Unknown(NOT_ASKED))


def _alone(name: str, machine: Machine) -> Snapshot:
    """A host of which every fact is unknown that can be."""
    unknown: dict[str, Any] = {
        fact: Unknown(NOT_ASKED) for fact, hint in typed.hints(Snapshot).items() if Unknown in get_args(hint)
    }
    return Snapshot(**{**unknown, "host": name, "machine": machine, "files": {}, "log_alone": True})


def _mark(line: str) -> int:
    """Where a line that was quoted begins; what is indented without a time stays as it is."""
    match = _QUOTED.match(line)
    at = match.end() if match else 0
    return at if any(known.match(line, at) for known in (_NGINX, _FPM, _JOURNAL)) else 0


def _machine(name: str, offset: str, now: float = 0.0) -> Machine:
    return Machine(name, 0, now, offset, 0.0, True, 1, PLENTY, PLENTY, frozenset())


def _journal(machine: Machine, matches: Sequence[re.Match[str]], reference: float) -> Iterator[JournalLine]:
    for match in matches:
        time = _time(machine, match, reference)
        if time is not None:
            unit = _UNIT.match(match["message"])
            name = unit and (unit["named"] or unit["verb"])
            yield JournalLine(time, match["who"], name or None, match["message"])


def _time(machine: Machine, match: re.Match[str], reference: float) -> float | None:
    """A short time has no year: the last in which it was not later than a day after `reference`."""
    try:
        if match["day"]:
            zone = (match["zone"] or machine.utc_offset).replace("Z", "+0000").replace(":", "")
            return datetime.strptime(f"{match['day']} {match['clock']} {zone}", "%Y-%m-%d %H:%M:%S %z").timestamp()
    except ValueError:
        return None  # it looks like a time and is none
    year = datetime.fromtimestamp(reference, UTC).year + 1
    for each in range(year, year - 9, -1):  # a 29 February may be eight years ago
        try:
            time = freshness.local_time(machine, f"{each} {match['short']}", "%Y %b %d %H:%M:%S")
        except ValueError:
            continue
        if time <= reference + 86400:
            return time
    return None


def _stranger(lines: Sequence[str]) -> str:
    if any(_ACCESS.match(line) for line in lines[:100]):
        return "it is an access log, which says that requests failed and not why: give nginx's error log"
    return "it is neither a bundle of --save nor a log of nginx, PHP-FPM or journalctl"
