"""Lets a service live on when one of its processes runs out of memory: a drop-in with OOMPolicy=continue.

Reach for it where systemd stopped a whole PHP-FPM or app server because the kernel had killed one worker. The unit gets
a file of its own, /etc/systemd/system/UNIT.d/50-remediate-oom.conf, with Restart=on-failure in it where nothing else
would start the unit again. systemd reads the files anew; what it then says is in force is compared with what was meant.
The units are those of the findings, or those that `units` names.

It never starts or restarts anything, never edits a unit file or a drop-in of somebody else, never weakens a Restart=
that is there, and frees no memory: find out what takes it. It refuses masked units, units of Type=oneshot, those that
are not loaded, and hosts whose systemd knows no OOMPolicy (before 243).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.editors.systemd_unit import settings
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.library._drop_in import DropIn, proposal
from remediations.library.restart_service import resolve
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from remediations.templating import render

ID = "oom-policy"
FILE = "50-remediate-oom.conf"
REVIVES = ("always", "on-failure", "on-abnormal", "on-abort")
"""The words of Restart= that start a unit again whose main process was killed."""


@dataclass(frozen=True)
class OomPolicy:
    """`units` empty: those that a finding says were stopped as a whole."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    units: tuple[str, ...] = field(
        default=(), metadata={"help": "unit names, or nginx and php-fpm for what the host really has"}
    )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        if isinstance(snapshot.units, Unknown):
            return Proposal(
                refusals=(f"OOMPolicy= needs systemd, and its units are not known: {snapshot.units.reason}",)
            )
        units = self._choose(snapshot, findings)
        able = [unit for unit in units if unit.oom_policy]
        every = [_drop_in(snapshot, unit) for unit in able]
        return proposal(snapshot, every, tuple(self._refusals(snapshot, units)), ())

    def _choose(self, snapshot: Snapshot, findings: Sequence[Finding]) -> tuple[Unit, ...]:
        named = (unit for name in self.units for unit in resolve(snapshot, name))
        found = (snapshot.unit(one.subject) for one in findings if one.remediation == ID)
        return tuple({unit.name: unit for unit in (named if self.units else found) if unit}.values())

    def _refusals(self, snapshot: Snapshot, units: Sequence[Unit]) -> Iterator[str]:
        for name in self.units:
            if not resolve(snapshot, name):
                yield f"{name}: no such service is loaded or enabled here"
        for unit in units:
            if not unit.oom_policy:
                yield f"{unit.name}: this systemd knows no OOMPolicy (it is older than 243)"


def _drop_in(snapshot: Snapshot, unit: Unit) -> DropIn:
    restart = _needs_restart(snapshot, unit)
    wanted: Mapping[str, str] = {"OOMPolicy": "continue", **({"Restart": "on-failure"} if restart else {})}
    return DropIn(ID, FILE, wanted, render("oom.conf.j2", restart=restart), snapshot, unit)


def _needs_restart(snapshot: Snapshot, unit: Unit) -> bool:
    """Where our own file is what revives the unit, it goes on doing so."""
    ours = snapshot.files.get(f"/etc/systemd/system/{unit.name}.d/{FILE}")
    said = ours is not None and ("Service", "Restart") in settings(ours.data)
    return said or unit.restart not in REVIVES
