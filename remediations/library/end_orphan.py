"""Ends a left-over of an app that holds its unit's port, then starts the unit: only with `--allow end-orphan`.

Reach for it where a finding says `port-conflict` and that who holds the port is the unit's own program, started by hand
or left over from another time: the same user, program and folder, in no service and no container, listening at just
that address. Ask first whoever may have started it: it may be serving. The process gets TERM, ten seconds, then KILL;
right before each signal the host compares its start time, user and program again, and signals nothing that is not the
very same process. Then the unit is started.

It never ends a process that differs in any of these, one of another service, or one that listens elsewhere, too; never
without `--allow end-orphan` on the command line (no playbook can say it); nothing where the unit could not be started
afterwards: disabled, broken, started too often, or with a configuration that does not validate. What it has ended no
undo brings back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from remediations.changes.unit import UnitAction
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import flap_guard, orphans, taken
from remediations.host.orphans import Orphan
from remediations.library._daemons import invalid
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "end-orphan"


@dataclass(frozen=True)
class EndOrphan:
    """Acts on findings alone."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False
    needs_word: ClassVar[bool] = True
    """Somebody must allow it on the command line."""

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        mine = [finding.subject for finding in findings if finding.remediation == ID]
        units = [unit for name in mine if (unit := snapshot.unit(name))]
        refused = {unit.name: why for unit in units if (why := _refusal(snapshot, unit))}
        acts = [act for unit in units if unit.name not in refused for act in _acts(snapshot, unit)]
        return Proposal(actions=tuple(acts), refusals=tuple(refused.values()))


def _acts(snapshot: Snapshot, unit: Unit) -> Iterator[UnitAction]:
    orphan = orphans.orphan(snapshot, unit, taken.conflicts(snapshot, unit))
    if not isinstance(orphan, Orphan):
        return
    owner = orphan.owner
    identity = f"{owner.ticks} {orphan.uid} {owner.program}"
    reason = f"it is {unit.name}'s own program, left over outside its unit, and listens at {orphan.address}"
    yield UnitAction(ID, "", "end", reason, owner.pid, identity=identity)
    yield UnitAction(ID, unit.name, "start", f"{orphan.address} is free then")


def _refusal(snapshot: Snapshot, unit: Unit) -> str | None:
    """Why nothing is ended: the orphan may serve, and the unit would not."""
    if unit.unit_file_state == "disabled":
        return f"{unit.name} is disabled, so nothing is ended for it: enable it first, if it is meant"
    return invalid(snapshot, unit) or flap_guard.DEFAULT.refusal(snapshot, unit.name)
