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


@dataclass(frozen=True)
class Withheld:
    """A remediation that acts only where somebody allows it by name, and nobody has: it says what it would do."""

    planner: plan.Planner

    @property
    def name(self) -> str:
        return self.planner.name

    @property
    def always_acts(self) -> bool:
        return self.planner.always_acts

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> plan.Proposal:
        said = self.planner.plan(snapshot, findings)
        acts = ", ".join(f"{one.action} {one.target}" for one in said.actions)
        if not acts:
            return said
        command = f"invoke remediate --host {snapshot.host} --allow {self.name}"
        return plan.Proposal(notes=said.notes, refusals=(*said.refusals, f"only if you say so ({acts}): {command}"))


def assemble(play: Play, only: Sequence[str], settings: Sequence[str], allow: Sequence[str] = ()) -> tuple[Work, ...]:
    """`only` replaces the playbook's list, in library order, keeps its parameters and drops `when: finding`.

    What needs somebody's word gets it from `allow` alone, so that no playbook can give it.
    Raises UsageError or PlaybookError for a name or a parameter that there is not, listing those that there are.
    """
    known = library.known()
    entries = {entry.remediation: entry for entry in play.entries}
    names = _only(only, known) if only else tuple(entries)
    given = _given(settings, {name: known[name] for name in names})
    allowed = _allowed(allow, known, names)
    work = []
    for name in names:
        entry = entries.get(name)
        raw: dict[str, Node] = {**(entry.parameters if entry else {}), **given.get(name, {})}
        planner = parameters.build(known[name], raw, entry.where if entry else name)
        planner = planner if name in allowed or not _needs_word(known[name]) else Withheld(planner)
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


def _allowed(allow: Sequence[str], known: Mapping[str, type[plan.Planner]], names: Sequence[str]) -> tuple[str, ...]:
    given = tuple(name.strip() for word in allow for name in word.split(",") if name.strip())
    asking = tuple(name for name, kind in known.items() if _needs_word(kind))
    for name in given:
        if name not in asking:
            what = "needs nobody's word" if name in known else f"no such remediation{near(name, asking)}"
            raise UsageError(f"--allow {name}: {what}; those that need it: {', '.join(asking)}")
        if name not in names:
            raise UsageError(f"--allow {name}: it is not in this run; there are: {', '.join(names)}")
    return given


def _needs_word(kind: type[plan.Planner]) -> bool:
    return bool(getattr(kind, "needs_word", False))


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
