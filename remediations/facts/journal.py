"""The system journal: what systemd and the web services said of the last days, with the host's times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown
from remediations.quoting import quote

LINES = 600
MAX_BYTES = 8 * 1024 * 1024
FIELDS = "UNIT,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER,MESSAGE"


@dataclass(frozen=True)
class JournalLine:
    """`time` in seconds since the epoch; `unit` is the one spoken of or speaking."""

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
journalctl --no-pager -q -o json \\
  --output-fields={FIELDS} -S -7d -n {LINES} {wanted} 2>/dev/null ||
  {{ echo 'journalctl failed'; exit 3; }}
"""
    return Fact("journal", script, parse, most=MAX_BYTES)


def said_fact(units: Sequence[str]) -> Fact[Journal]:
    """The newest records that nginx has sent there itself, by syslog or by what it prints in these units."""
    wanted = " + ".join(["SYSLOG_IDENTIFIER=nginx", *(f"_SYSTEMD_UNIT={quote(unit)}" for unit in units)])
    script = f"""
[ "$(id -u)" = 0 ] || {{ echo 'the journal is readable by root only'; exit 3; }}
journalctl --no-pager -q -o json --output-fields={FIELDS} -S -20min -n {LINES} {wanted} 2>/dev/null ||
  {{ echo 'journalctl failed'; exit 3; }}
"""
    return Fact("said", script, parse, most=MAX_BYTES)


def parse(stdout: bytes) -> Journal | Unknown:
    """One JSON object a line; a record that is none is left out, its neighbours stand."""
    return tuple(line for text in stdout.split(b"\n") if (line := _line(text)))


def _line(text: bytes) -> JournalLine | None:
    try:
        record = json.loads(text)
        time = int(record["__REALTIME_TIMESTAMP"]) / 1e6
    except (ValueError, KeyError, TypeError):
        return None
    source = str(record.get("SYSLOG_IDENTIFIER", ""))
    unit = record.get("UNIT") or record.get("_SYSTEMD_UNIT")
    return JournalLine(time, source, str(unit) if unit else None, _text(record.get("MESSAGE")))


def _text(message: object) -> str:
    """journalctl writes what is not UTF-8 as a list of byte values."""
    if isinstance(message, list):
        return bytes(value for value in message if isinstance(value, int) and 0 <= value < 256).decode(errors="replace")
    return str(message or "")
