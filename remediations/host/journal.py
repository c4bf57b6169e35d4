"""The journal of a unit as evidence: what the manager and the unit said around its last change of state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.facts.units import Unit
from remediations.findings import Evidence
from remediations.host import freshness
from remediations.snapshot import Snapshot

BEFORE_SECONDS = 30
"""A daemon may have tried for that long before its unit failed."""


def lines_about(snapshot: Snapshot, unit: Unit) -> list[JournalLine]:
    """What was said of the unit since shortly before its last change of state."""
    if isinstance(snapshot.journal, Unknown):
        return []
    since = freshness.at(snapshot.machine, unit.served_since) - BEFORE_SECONDS
    return [line for line in snapshot.journal if line.unit == unit.name and line.time >= since]


def those(lines: Iterable[JournalLine], pattern: re.Pattern[str]) -> list[JournalLine]:
    return [line for line in lines if pattern.search(line.message)]


def told(snapshot: Snapshot, unit: Unit, lines: Sequence[JournalLine], most: int = 3) -> tuple[Evidence, ...]:
    """The newest of these lines as evidence, the oldest of them first."""
    newest = sorted(lines, key=lambda line: line.time)[-most:]
    shown = (f"{freshness.clock(snapshot.machine, line.time)} {line.message}" for line in newest)
    return tuple(Evidence(f"journal:{unit.name}", text) for text in shown)
