"""Databases of the host: which of its units serve one, and where each keeps its data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.snapshot import Snapshot

Kind = Literal["MySQL", "PostgreSQL"]

PORTS: dict[Kind, int] = {"MySQL": 3306, "PostgreSQL": 5432}
_UNITS: dict[Kind, re.Pattern[str]] = {
    "MySQL": re.compile(r"(?:mariadb|mysqld?)(?:@.*)?\.service"),
    "PostgreSQL": re.compile(r"postgresql(?:[@-].*)?\.service"),
}
_FOLDERS: dict[Kind, str] = {"MySQL": "/var/lib/mysql", "PostgreSQL": "/var/lib/postgresql"}
_RHEL_POSTGRESQL = "/var/lib/pgsql"


@dataclass(frozen=True)
class DatabaseServer:
    """A unit that serves a database when it runs; `folder` is where its package keeps the data."""

    kind: Kind
    unit: Unit
    folder: str

    @property
    def down(self) -> bool:
        return self.unit.active_state in ("inactive", "failed")


def servers(snapshot: Snapshot) -> tuple[DatabaseServer, ...]:
    """The database servers of this host, running or not; Debian's postgresql.service only starts the others."""
    units = () if isinstance(snapshot.units, Unknown) else snapshot.units.values()
    return tuple(
        DatabaseServer(kind, unit, _folder(kind, unit))
        for unit in units
        for kind, pattern in _UNITS.items()
        if pattern.fullmatch(unit.name) and unit.type != "oneshot"
    )


def _folder(kind: Kind, unit: Unit) -> str:
    return _RHEL_POSTGRESQL if _RHEL_POSTGRESQL in unit.environment else _FOLDERS[kind]
