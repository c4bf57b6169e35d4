"""The units that a run names: those that a host does not have are most likely misspelt, so nothing is done there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediations.errors import RefusedError
from remediations.facts.base import Unknown
from remediations.facts.units import full_name
from remediations.plan import Planner
from remediations.snapshot import Snapshot
from remediations.yaml.node import closest

ROLES = ("nginx", "php-fpm")
"""Stand for what the host really has, which may be nothing."""

PARAMETERS = ("services", "units")
"""In these a remediation is told names of units, or roles."""


def named_units(planners: Sequence[Planner]) -> tuple[str, ...]:
    """As they were given, without the roles."""
    given = (name for planner in planners for key in PARAMETERS for name in getattr(planner, key, ()))
    return tuple(dict.fromkeys(name for name in given if name not in ROLES))


def refuse_unknown(snapshot: Snapshot, names: Sequence[str]) -> None:
    """Raises RefusedError where the host has no unit of one of these names; silent where its units are not known."""
    if isinstance(snapshot.units, Unknown):
        return
    missing = [name for name in names if snapshot.unit(full_name(name) or name) is None]
    if missing:
        raise RefusedError(f"{snapshot.host}: {'; '.join(_missing(snapshot, missing))}; nothing was changed")


def _missing(snapshot: Snapshot, names: Sequence[str]) -> Iterator[str]:
    there = () if isinstance(snapshot.units, Unknown) else tuple(snapshot.units)
    known = [*ROLES, *(name.removesuffix(".service") for name in there)]
    for name in names:
        near = closest(name.removesuffix(".service"), dict.fromkeys(known), 3)
        hint = f" (near: {', '.join(near)})" if near else ""
        yield f"there is no unit {name} on this host{hint}"
