"""The plan for one host: what would change, file by file and unit by unit, with everything it has to say about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from remediations.changes.file import FileChange
from remediations.changes.unit import ORDER, SWITCHES, UnitAction
from remediations.errors import RefusedError
from remediations.findings import Finding
from remediations.snapshot import Snapshot


@dataclass(frozen=True)
class Expectation:
    """What `systemctl show -p PROPERTY --value UNIT` must print once the manager has read the plan's files."""

    unit: str
    property: str
    value: str


@dataclass(frozen=True)
class Proposal:
    """What one remediation wants. `notes` explain it (the arithmetic), `warnings` say where it would have no effect,
    `refusals` what it will not do here and why: a person must act. `expectations` are compared on the host.
    """

    files: tuple[FileChange, ...] = ()
    actions: tuple[UnitAction, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()


class Planner(Protocol):
    """One remediation: a frozen dataclass of its parameters. Pure: the same snapshot gives the same proposal."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...

    @property
    def always_acts(self) -> bool:
        """Whether planning again after applying finds work again (`state: restarted`)."""
        ...

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal: ...


@dataclass(frozen=True)
class PlannedFile:
    """One file's change by all remediations that touch it: one cumulative diff."""

    change: FileChange
    remediations: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Files in the order in which they were first touched; actions in the order in which they will be taken."""

    host: str
    files: tuple[PlannedFile, ...] = ()
    actions: tuple[UnitAction, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.files and not self.actions

    @property
    def reversible(self) -> bool:
        """Whether something in it is put back where it does not help: what was started or ended is not."""
        return bool(self.files) or any(one.action in SWITCHES for one in self.actions)

    @property
    def remediations(self) -> tuple[str, ...]:
        """The names of those that change something."""
        names = [name for file in self.files for name in file.remediations] + [one.remediation for one in self.actions]
        return tuple(dict.fromkeys(names))

    @property
    def sha256(self) -> str:
        """Names exactly these changes to exactly these bytes; `--plan` holds an apply to it."""
        files = [
            [f.change.path, f.change.before.sha256 if f.change.before else None, _hash(f.change.after)]
            for f in self.files
        ]
        actions = [[one.unit, one.action, *([one.pid, one.identity] if one.identity else ())] for one in self.actions]
        return hashlib.sha256(json.dumps([self.host, files, actions]).encode()).hexdigest()


def _hash(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def make(snapshot: Snapshot, findings: Sequence[Finding], planners: Sequence[Planner]) -> Plan:
    """Each remediation plans on what those before it will leave; raises RefusedError where two contradict.

    Two contradict where the first, asked again about the outcome, wants something else.
    """
    staged, proposals = snapshot, []
    for planner in planners:
        proposal = planner.plan(staged, findings)
        proposals.append((planner, proposal))
        staged = _staged(staged, proposal.files)
    _refuse_contradictions(staged, findings, proposals)
    return _merge(snapshot.host, [proposal for _, proposal in proposals], proposals)


def _staged(snapshot: Snapshot, changes: Iterable[FileChange]) -> Snapshot:
    for change in changes:
        snapshot = snapshot.with_file(change.path, change.after)
    return snapshot


def _refuse_contradictions(
    staged: Snapshot, findings: Sequence[Finding], proposals: Sequence[tuple[Planner, Proposal]]
) -> None:
    for planner, proposal in proposals:
        if not proposal.files:
            continue
        again = planner.plan(staged, findings).files
        if again:
            others = ", ".join(one.name for one, said in proposals if one is not planner and said.files)
            raise RefusedError(
                f"{staged.host}: plan: {planner.name} would change {again[0].path} again after {others or 'itself'}; "
                "the remediations of this run contradict each other; nothing was changed"
            )


def _merge(host: str, proposals: Sequence[Proposal], by: Sequence[tuple[Planner, Proposal]]) -> Plan:
    return Plan(
        host=host,
        files=_merge_files(change for proposal in proposals for change in proposal.files),
        actions=_merge_actions(action for proposal in proposals for action in proposal.actions),
        notes=tuple((planner.name, note) for planner, proposal in by for note in proposal.notes),
        warnings=tuple(f"{planner.name}: {text}" for planner, proposal in by for text in proposal.warnings),
        refusals=tuple(f"{planner.name}: {text}" for planner, proposal in by for text in proposal.refusals),
        expectations=tuple(_last_words(proposals)),
    )


def _last_words(proposals: Sequence[Proposal]) -> Iterable[Expectation]:
    """What a later remediation sets wins over an earlier one's value, as its file does with systemd."""
    return {(one.unit, one.property): one for said in proposals for one in said.expectations}.values()


def _merge_files(changes: Iterable[FileChange]) -> tuple[PlannedFile, ...]:
    merged: dict[str, PlannedFile] = {}
    for change in changes:
        first = merged.get(change.path)
        if first is None:
            merged[change.path] = PlannedFile(change, (change.remediation,))
        else:
            whole = replace(first.change, after=change.after)
            merged[change.path] = PlannedFile(whole, tuple(dict.fromkeys((*first.remediations, change.remediation))))
    return tuple(
        file for file in merged.values() if file.change.before is None or file.change.before.data != file.change.after
    )


def _merge_actions(actions: Iterable[UnitAction]) -> tuple[UnitAction, ...]:
    """One action a unit, the weightiest; daemon-reload first, then starts, restarts, reloads, at last the switches."""
    kept: dict[tuple[str, bool], UnitAction] = {}
    for action in actions:
        about = (action.target, action.action in SWITCHES)
        other = kept.get(about)
        if other is None or not other.outweighs(action):
            kept[about] = action
    return tuple(sorted(kept.values(), key=lambda action: ORDER.index(action.action)))
