"""The contests of a bench: diagnose, dry run, apply, no-change run; both sides in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from remediations.request import Verb
from tests.bench import rivals
from tests.bench.field import Field
from tests.bench.recording import Recording, ask, record

PLAYBOOK = Path(__file__).parent / "playbook.yml"
OK, PENDING_OR_MADE = 0, 2

Kind = Literal["diagnose", "dry run", "apply", "no change"]
GOALS: dict[Kind, float] = {"diagnose": 1.0, "dry run": 1.0, "apply": 1.5, "no change": 1.0}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """The seconds of each round, ours and theirs; `settle` are the seconds that are left out of both."""

    kind: Kind
    command: str
    hosts: int
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    settle: float = 0.0

    @property
    def ratios(self) -> tuple[float, ...]:
        """Round by round: whatever else loads the machine loads both sides of a round."""
        return tuple(our / their for our, their in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.theirs)


@dataclass(frozen=True)
class Contest:
    """All that one kind of run needs; `said` is what a bare ssh that did its work has printed."""

    kind: Kind
    expected: int
    said: bytes
    restores: bool = False
    verb: Verb = "remediate"

    @property
    def applies(self) -> bool:
        return self.kind in ("apply", "no change")


DIAGNOSE = Contest("diagnose", OK, b"\x1f\x8b", verb="diagnose")
DRY_RUN = Contest("dry run", PENDING_OR_MADE, b"\x1f\x8b")
APPLY = Contest("apply", PENDING_OR_MADE, b"state committed", restores=True)
NO_CHANGE = Contest("no change", OK, b"\x1f\x8b")


def hold(field: Field, counts: tuple[int, ...], rounds: int, tell: Tell) -> Iterator[Outcome]:
    """All contests, the cheapest state changes first: what only reads, applies, then runs that find nothing to do."""
    diagnosed = _recorded(field, DIAGNOSE)
    for count in counts:
        yield _fought(field, DIAGNOSE, ("remediate", "diagnose"), count, rounds, diagnosed, tell)
    dry = _recorded(field, DRY_RUN)
    for count in counts:
        for command in (("remediate",), ("invoke", "remediate")):
            yield _fought(field, DRY_RUN, command, count, rounds, dry, tell)
    settle = _settle(field)
    applied = _recorded(field, APPLY)
    for count in counts:
        yield _fought(field, APPLY, ("remediate",), count, rounds, applied, tell, settle)
    rested = _recorded(field, NO_CHANGE)
    for count in counts:
        yield _fought(field, NO_CHANGE, ("remediate",), count, rounds, rested, tell)


def _recorded(field: Field, contest: Contest) -> dict[str, Recording]:
    if contest.restores:
        field.restore(len(field.hosts))
    return {host.name: _record(field, host.name, contest, settle=0) for host in field.hosts}


def _record(field: Field, host: str, contest: Contest, settle: float | None) -> Recording:
    asked = ask(contest.verb, host, field.inventory, PLAYBOOK, field.folder, apply=contest.applies, settle=settle)
    recording = record(asked)
    if recording.exit_code != contest.expected:
        ended = f"exit code {recording.exit_code}, not {contest.expected}"
        raise rivals.BenchError(f"{host}: {contest.kind}: {ended}\n{recording.report}")
    return recording


def _settle(field: Field) -> float:
    """What an apply waits where nobody tells it how long."""
    return _record(field, field.hosts[0].name, APPLY, settle=None).settle


def _fought(
    field: Field,
    contest: Contest,
    command: tuple[str, ...],
    count: int,
    rounds: int,
    recordings: Mapping[str, Recording],
    tell: Tell,
    settle: float = 0.0,
) -> Outcome:
    """The rounds, after one that does not count; every other round the other side begins."""
    hosts = field.hosts[:count]
    words = [rivals.program(command[0]), *command[1:], *_words(field, contest, [host.name for host in hosts])]
    seconds: tuple[list[float], list[float]] = ([], [])
    sides = (
        lambda: rivals.toolkit(words, contest.expected, field.folder),
        lambda: rivals.bare_ssh(hosts, recordings, contest.said),
    )
    for number in range(rounds + 1):
        tell(f"N={count} {contest.kind}, {' '.join(command)}: round {number} of {rounds}")
        for side in (0, 1) if number % 2 else (1, 0):
            if contest.restores:
                field.restore(count)
            took = sides[side]()
            if number:
                seconds[side].append(took)
    ours, theirs = seconds
    return Outcome(contest.kind, " ".join(command), count, tuple(ours), tuple(theirs), settle)


def _words(field: Field, contest: Contest, names: list[str]) -> list[str]:
    dry = ["--dry-run"] if contest.verb == "remediate" else []
    how = ["--yes", "--settle", "0"] if contest.applies else dry
    where = ["--inventory", str(field.inventory), "--playbook", str(PLAYBOOK), "--host", ",".join(names)]
    return [*where, *how, "--detailed-exitcode"]
