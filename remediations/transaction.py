"""The transaction: makes a plan's changes on the host so that all of them stand, or nothing.

The seam: `begin` swaps files and acts on units, then the host waits; `confirm` or `undo` ends it, and if neither comes
(the connection is lost, we are killed) the host undoes it by itself. Only what the host said is reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from remediations.changes.unit import UnitAction
from remediations.connections.base import CommandResult, Shell
from remediations.facts.base import PRELUDE
from remediations.payload import DECODE, here_document
from remediations.plan import Plan, PlannedFile
from remediations.quoting import quote
from remediations.remote import program
from remediations.snapshot import Snapshot

State = Literal["await", "committed", "rolled_back", "refused", "needs_human", "unknown"]

BEGIN_SECONDS = 300
END_SECONDS = 300
CONFIRM_WITHIN = 120
SETTLE_AFTER_START = 5
SETTLE_AFTER_RELOAD = 2


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


@dataclass
class Transaction:
    """One plan being applied over one shell, which must stay open until `confirm` or `undo`."""

    shell: Shell
    snapshot: Snapshot
    plan: Plan
    run: str
    settle: float | None = None
    baseline_valid: bool = True

    def begin(self) -> Outcome:
        """Check, stage, swap, act, settle. Ends in `await`, or already undone with the reason."""
        return read(self.shell.run(f"{PRELUDE}{self._script()}", timeout=BEGIN_SECONDS))

    def confirm(self) -> Outcome:
        """The one point at which the changes become final."""
        return read(self.shell.run("confirm", timeout=END_SECONDS))

    def undo(self) -> Outcome:
        """Puts every byte back and lets the daemons read it again."""
        return read(self.shell.run("undo", timeout=END_SECONDS))

    def _script(self) -> str:
        nginx = self.snapshot.live_nginx
        known = [
            f"run={quote(self.run)} baseline={'valid' if self.baseline_valid else 'invalid'}",
            f"nginx_log={quote(nginx.build.error_log if nginx else '')}",
        ]
        return "\n".join([*known, program("apply"), DECODE, f"main() {{\n{self._body()}\n}}", "main"])

    def _body(self) -> str:
        """Nothing is swapped before everything is checked and staged; from the first swap on a failure undoes all."""
        files = self.plan.files
        checks = [f"precheck {quote(file.change.path)} {_before(file)} || return 0" for file in files]
        stages = [self._stage(file) for file in files if file.change.after is not None]
        otherwise = "|| { undo; return 0; }"
        swaps = [f"swap {_names(file)} {otherwise}" for file in files]
        acts = [f"{self._act(action)} {otherwise}" for action in self.plan.actions]
        last = [f"{self._settle()} {otherwise}", f"await {CONFIRM_WITHIN}"]
        return "\n".join([*checks, *stages, "state=open", *swaps, *acts, *last])

    def _stage(self, file: PlannedFile) -> str:
        assert file.change.after is not None
        has_base64 = "base64" in self.snapshot.machine.tools
        return f"stage {_names(file)} || return 0{here_document(file.change.after, has_base64=has_base64)}"

    def _act(self, action: UnitAction) -> str:
        nginx = self.snapshot.live_nginx
        log, pid = "", str(action.pid or "")
        if nginx and nginx.master and action.action == "reload" and action.pid == nginx.master:
            log = nginx.build.error_log
        return f"act {quote(action.unit)} {action.action} {quote(pid)} {quote(log)}"

    def _settle(self) -> str:
        units = [action.unit for action in self.plan.actions if action.unit]
        seconds = self.settle if self.settle is not None else settle_seconds(self.plan.actions)
        return " ".join([f"settle {seconds:g}", *(quote(unit) for unit in units)])


def settle_seconds(actions: Sequence[UnitAction]) -> float:
    """How long a unit must stay up before it is believed: a start proves nothing, a reload little."""
    acts = {action.action for action in actions}
    if acts & {"start", "restart"}:
        return SETTLE_AFTER_START
    return SETTLE_AFTER_RELOAD if "reload" in acts else 0


def _before(file: PlannedFile) -> str:
    return file.change.before.sha256 if file.change.before else "absent"


def _names(file: PlannedFile) -> str:
    after = "absent" if file.change.after is None else hashlib.sha256(file.change.after).hexdigest()
    return f"{quote(file.change.path)} {_before(file)} {after}"


def read(answer: CommandResult) -> Outcome:
    """The host's lines: steps, indented text of programs, `refused` or `failed` with the reason, and the state."""
    state: State = "unknown"
    steps: list[Step] = []
    text: list[str] = []
    failure: str | None = None
    for line in answer.stdout.decode(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "state":
            state = _state(rest)
        elif word == "|":
            text.append(rest)
        elif word in ("failed", "refused"):
            failure = failure or "; ".join([rest, *text[-3:]])
        else:
            steps.append(Step(word, rest))
    return Outcome(state, tuple(steps), failure)


def _state(word: str) -> State:
    known: tuple[State, ...] = ("await", "committed", "rolled_back", "refused", "needs_human")
    return next((state for state in known if state == word), "unknown")
