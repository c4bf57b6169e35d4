"""The transaction: makes a plan's changes on the host so that all of them stand, or nothing.

The seam: `begin` swaps files and acts on units, then the host waits; `confirm` or `undo` ends it, and if neither comes
(the connection is lost, we are killed) the host undoes it by itself. Only what the host said is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remediations.connections.base import CommandResult, Shell
from remediations.transaction.program import Program

State = Literal["await", "committed", "rolled_back", "refused", "locked", "needs_human", "unknown"]

READ_AGAIN = ("reload", "daemon-reload")
"""The acts that an undo repeats with the old files."""

_WORDS: dict[State, str] = {
    "rolled_back": "everything was put back and the old configuration serves",
    "refused": "nothing was changed",
    "locked": "nothing was changed",
    "needs_human": "a person must look: not everything could be put back",
    "committed": "the host says that the changes stand",
    "await": "the host still waits and will undo the changes by itself",
    "unknown": "the host did not say in what state it is",
}

BEGIN_SECONDS = 300
END_SECONDS = 300


@dataclass(frozen=True)
class Step:
    """One thing that the host said it did: `swapped PATH`, `acted reload nginx.service`, `restored PATH`."""

    what: str
    subject: str


@dataclass(frozen=True)
class Outcome:
    """The state that the host reported, what it did, and in its words what went wrong."""

    state: State
    steps: tuple[Step, ...]
    failure: str | None

    def did(self, what: str) -> tuple[str, ...]:
        return tuple(step.subject for step in self.steps if step.what == what)

    @property
    def started(self) -> frozenset[tuple[str, str]]:
        """The acts, with their units, that are never taken back: what was started or restarted in this run runs now."""
        acts = (act.partition(" ") for act in self.did("acted"))
        return frozenset((act, unit) for act, blank, unit in acts if blank and act not in READ_AGAIN)

    @property
    def told(self) -> str:
        """In what state the host is now, in words."""
        return _WORDS[self.state]


@dataclass(frozen=True)
class Transaction:
    """One program over one shell, which must stay open until `confirm` or `undo`."""

    shell: Shell
    program: Program

    def begin(self) -> Outcome:
        """Check, stage, swap, act, settle. Ends in `await`, or already undone with the reason."""
        return read(self.shell.run(self.program.text, timeout=BEGIN_SECONDS))

    def confirm(self) -> Outcome:
        """The one point at which the changes become final."""
        return read(self.shell.run("confirm", timeout=END_SECONDS))

    def undo(self) -> Outcome:
        """Puts every byte back and lets the daemons read it again."""
        return read(self.shell.run("undo", timeout=END_SECONDS))


def read(answer: CommandResult) -> Outcome:
    """The host's lines: steps, indented text of programs, `refused` or `failed` with the reason, and the state."""
    state: State = "unknown"
    steps: list[Step] = []
    text: list[str] = []
    failures: list[str] = []
    for line in answer.stdout.decode(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "state":
            state = _state(rest)
        elif word == "|":
            text.append(rest)
        elif word in ("failed", "refused"):
            failures.append("; ".join([rest, *text[-3:]]))
            text.clear()
        else:
            steps.append(Step(word, rest))
    return Outcome(state, tuple(steps), "; then: ".join(failures) or None)


def _state(word: str) -> State:
    known: tuple[State, ...] = ("await", "committed", "rolled_back", "refused", "locked", "needs_human")
    return next((state for state in known if state == word), "unknown")
