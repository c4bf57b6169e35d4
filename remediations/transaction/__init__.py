"""The transaction: makes a plan's changes on the host so that all of them stand, or nothing.

The host carries it out by itself, in a unit of its own, and waits: `confirm` or `abort`, over whatever connection, ends
it; if neither comes, the host undoes it. Only what the host said is reported.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from remediations.changes.unit import SWITCHES
from remediations.connections.base import CommandResult, Shell
from remediations.quoting import quote
from remediations.transaction.program import HOME, Program

State = Literal["await", "busy", "committed", "rolled_back", "refused", "locked", "needs_human", "unknown"]

READ_AGAIN = ("reload", "daemon-reload", *SWITCHES)
"""The acts that an undo repeats with the old files, and those that it takes back."""

_WORDS: dict[State, str] = {
    "rolled_back": "everything was put back and the old configuration serves",
    "refused": "nothing was changed",
    "locked": "nothing was changed",
    "needs_human": "a person must look: not everything could be put back",
    "committed": "the host says that the changes stand",
    "await": "the host still waits and will undo the changes by itself",
    "busy": "the host is not done yet, and undoes the changes by itself if nobody confirms them",
    "unknown": "the host did not say in what state it is; what was not confirmed it undoes by itself",
}

BEGIN_SECONDS = 500
END_SECONDS = 240


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
    runner: str | None = None
    """Who carries it out there: `systemd` (undone even after kill -9 and a reboot) or `setsid`."""

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
    """One run on one host. Any root shell there will do for each of the calls."""

    program: Program

    def begin(self, shell: Shell) -> Outcome:
        """Check, keep, arm, stage, swap, act, settle. Ends in `await`, or already undone with the reason."""
        return read(shell.run(self.program.text, timeout=BEGIN_SECONDS + self.program.wait_lock))

    def confirm(self, shell: Shell) -> Outcome:
        """The one point at which the changes become final."""
        return ask(shell, "confirm", self.program.run, self.program.nonce)

    def abort(self, shell: Shell) -> Outcome:
        """Puts every byte back and lets the daemons read it again."""
        return ask(shell, "abort", self.program.run)

    def look(self, shell: Shell) -> Outcome:
        """In what state the host is now; changes nothing."""
        return ask(shell, "report", self.program.run)


def ask(shell: Shell, verb: str, run: str, *words: str) -> Outcome:
    """One verb of the program that the run has left on the host; `refused` where it never arrived there."""
    name = quote(f"{HOME}/txn/{run}/program.sh")
    there = f"[ -e {name} ] || sleep 2; [ -e {name} ]"  # the last words of a lost connection may still be at work
    missing = "{ echo 'refused the plan did not arrive at the host'; echo 'state refused'; }"
    command = f"sh {name} {verb} {shlex.join([run, *words])}"
    return read(shell.run(f"if {there}; then {command}; else {missing}; fi", timeout=END_SECONDS))


def read(answer: CommandResult) -> Outcome:
    """The host's lines: steps, indented text of programs, `refused` or `failed` with the reason, and the state.

    Only newlines end a line: what a program prints may hold other separators. A host that names two states, or the
    same twice, has not said in which it is.
    """
    states: list[State] = []
    runner: str | None = None
    steps: list[Step] = []
    text: list[str] = []
    failures: list[str] = []
    for line in answer.stdout.decode(errors="replace").split("\n"):
        word, _, rest = line.partition(" ")
        if word == "state":
            states.append(_state(rest))
        elif word == "|":
            text.append(rest)
        elif word == "runner":
            runner = rest
        elif word in ("failed", "refused"):
            failures.append("; ".join([rest, *text[-3:]]))
            text.clear()
        elif word:
            steps.append(Step(word, rest))
    state = states[0] if len(states) == 1 else "unknown"
    return Outcome(state, tuple(steps), "; then: ".join(failures) or None, runner)


def _state(word: str) -> State:
    known: tuple[State, ...] = ("await", "busy", "committed", "rolled_back", "refused", "locked", "needs_human")
    return next((state for state in known if state == word), "unknown")
