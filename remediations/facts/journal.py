"""The system journal: what systemd and the web services said of the last days, with the host's times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown
from remediations.quoting import quote

LINES = 600


@dataclass(frozen=True)
class JournalLine:
    """`time` in seconds since the epoch; `unit` where systemd itself speaks of one, else the program's name."""

    time: float
    source: str
    unit: str | None
    message: str


Journal = tuple[JournalLine, ...]


def fact(units: Sequence[str]) -> Fact[Journal]:
    """The newest records about these units: the manager's own words and what the units' processes printed."""
    wanted = " + ".join(f"UNIT={quote(unit)} + _SYSTEMD_UNIT={quote(unit)}" for unit in units)
    script = f"""
command -v journalctl >/dev/null 2>&1 || {{ echo 'journalctl is not there'; exit 3; }}
[ "$(id -u)" = 0 ] || {{ echo 'the journal is readable by root only'; exit 3; }}
journalctl --no-pager -q -o short-unix -S -7d -n {LINES} {wanted} 2>/dev/null || {{ echo 'journalctl failed'; exit 3; }}
"""
    return Fact("journal", script, parse)


_LINE = re.compile(r"^(?P<time>\d+\.\d+) \S+ (?P<source>[^:\[]+)(?:\[\d+\])?: (?P<message>.*)$")
_UNIT = re.compile(r"^(?P<unit>[\w:@.\\-]+\.(?:service|socket|timer)): ")


def parse(stdout: bytes) -> Journal | Unknown:
    """`-o short-unix` records; indented lines continue the record before them."""
    lines: list[JournalLine] = []
    for text in stdout.decode(errors="replace").splitlines():
        match = _LINE.match(text)
        if match:
            unit = _UNIT.match(match["message"]) if match["source"] == "systemd" else None
            lines.append(
                JournalLine(float(match["time"]), match["source"], unit["unit"] if unit else None, match["message"])
            )
        elif lines and text.strip():
            last = lines[-1]
            lines[-1] = JournalLine(last.time, last.source, last.unit, f"{last.message}\n{text.strip()}")
    return tuple(lines)
