"""Lets a web service that runs begin at the next boot, too: `systemctl enable` for one that is disabled.

Reach for it where a service was started by hand and never enabled: all is well until the host reboots. Without `units`
these are nginx, every PHP-FPM with a pool that nginx passes to, and the units behind the upstreams. It is part of the
playbook harden. The links that it makes are taken back where the site is not good afterwards, and by `undo`.

It never starts, stops or restarts anything, never unmasks a unit, and leaves one alone that does not run: somebody may
want it down. It refuses units that nothing can enable (without [Install], made by a generator, transient), units that
others would be enabled with (Also=), and hosts without systemd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.changes.unit import UnitAction, masked
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import topology
from remediations.library.restart_service import resolve
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "enable-at-boot"
BEGINS = ("enabled", "alias")
CANNOT = {
    "enabled-runtime": "is enabled until the next boot only, by somebody who wanted it so",
    "static": "has no [Install], so nothing enables it; what starts it?",
    "indirect": "has no [Install] of its own; enable what it names there (Also=)",
    "generated": "is made by a generator, by an init script perhaps: enable that",
    "transient": "is transient: it is gone once it has ended",
}


@dataclass(frozen=True)
class EnableAtBoot:
    """`units` empty: nginx, every PHP-FPM that nginx passes to and the units behind its upstreams."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    units: tuple[str, ...] = field(
        default=(), metadata={"help": "unit names, or nginx and php-fpm for what the host really has"}
    )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        del findings  # what the units say decides
        if isinstance(snapshot.units, Unknown):
            return Proposal(refusals=(f"nothing can be enabled: units are unknown ({snapshot.units.reason})",))
        every = [unit for unit in self._choose(snapshot) if unit.unit_file_state not in BEGINS]
        refused = {unit.name: why for unit in every if (why := _refusal(unit))}
        acts = (UnitAction(ID, one.name, "enable", _reason(one)) for one in every if one.name not in refused)
        unknown = (
            f"{name}: no such service is loaded or enabled here" for name in self.units if not resolve(snapshot, name)
        )
        return Proposal(actions=tuple(acts), refusals=(*unknown, *refused.values()))

    def _choose(self, snapshot: Snapshot) -> tuple[Unit, ...]:
        """Without names those that run: what is down is not spoken of."""
        named = (unit for name in self.units for unit in resolve(snapshot, name))
        web = (unit for unit in topology.web_units(snapshot) if unit.running)
        return tuple({unit.name: unit for unit in (named if self.units else web)}.values())


def _reason(unit: Unit) -> str:
    return f"it runs and is {unit.unit_file_state}, so it would be down after the next boot"


def _refusal(unit: Unit) -> str | None:
    if refusal := masked(unit):
        return refusal
    if not unit.running:
        return f"{unit.name} does not run ({unit.active_state}), so it is not enabled: start it first, if it is meant"
    if unit.unit_file_state != "disabled":
        why = CANNOT.get(unit.unit_file_state, "cannot be enabled")
        return f"{unit.name} {why} (UnitFileState={unit.unit_file_state or 'unknown'})"
    return None
