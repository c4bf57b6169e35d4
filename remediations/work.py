"""The work of a run: which remediations with which parameters, from a playbook, `--only` and `--set`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations import library, named_units, parameters, plan
from remediations.errors import UsageError
from remediations.findings import Finding
from remediations.playbook import Play
from remediations.snapshot import Snapshot
from remediations.yaml.node import Node, near


@dataclass(frozen=True)
class Work:
    """One remediation of the run; with `on_finding` it plans only where a finding names it."""

    planner: plan.Planner
    on_finding: bool

    @property
    def name(self) -> str:
        return self.planner.name


def assemble(play: Play, only: Sequence[str], settings: Sequence[str]) -> tuple[Work, ...]:
    """`only` replaces the playbook's list, in library order, keeps its parameters and drops `when: finding`.

    Raises UsageError or PlaybookError for a name or a parameter that there is not, listing those that there are.
    """
    known = library.known()
    entries = {entry.remediation: entry for entry in play.entries}
    names = _only(only, known) if only else tuple(entries)
    given = _given(settings, {name: known[name] for name in names})
    work = []
    for name in names:
        entry = entries.get(name)
        raw: dict[str, Node] = {**(entry.parameters if entry else {}), **given.get(name, {})}
        planner = parameters.build(known[name], raw, entry.where if entry else name)
        work.append(Work(planner, on_finding=not only and entry is not None and entry.when == "finding"))
    return tuple(work)


def _only(only: Sequence[str], known: Mapping[str, type[plan.Planner]]) -> tuple[str, ...]:
    wanted = [name.strip() for word in only for name in word.split(",") if name.strip()]
    if not wanted:
        raise UsageError("--only: the name of a remediation is missing")
    for name in wanted:
        if name not in known:
            raise UsageError(f"--only {name}: no such remediation{near(name, known)}; there are: {', '.join(known)}")
    return tuple(name for name in known if name in wanted)


def _given(settings: Sequence[str], known: Mapping[str, type[plan.Planner]]) -> dict[str, dict[str, Node]]:
    given: dict[str, dict[str, Node]] = {}
    for text in settings:
        name, parameter, value = parameters.parse_set(text, known)
        given.setdefault(name, {})[parameter] = value
    return given


def names_of(work: Sequence[Work]) -> tuple[str, ...]:
    """The units that the run names."""
    return named_units.named_units([one.planner for one in work])


def make_plan(work: Sequence[Work], snapshot: Snapshot, findings: Sequence[Finding]) -> plan.Plan:
    """The plan of all that has something to do here; RefusedError where the run names a unit that there is not."""
    named_units.refuse_unknown(snapshot, names_of(work))
    called = {finding.remediation for finding in findings}
    planners = [one.planner for one in work if not one.on_finding or one.name in called]
    return plan.make(snapshot, findings, planners)
