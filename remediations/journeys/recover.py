"""The journey of `recover`: what an interrupted run has left is ended, and the host says in what state it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from remediations import transaction
from remediations.facts.base import Unknown
from remediations.result import HostResult, Status
from remediations.runner import Journey
from remediations.transaction import Outcome, State

_STATUS: dict[State, Status] = {
    "needs_human": "needs_human",
    "unknown": "unknown",
    "busy": "unknown",
    "await": "unknown",
}
"""Of every other state the site decides: the run has ended, and nothing of it is left open."""


@dataclass
class Recovering(Journey):
    """A look that may change: its first step is that of every run."""

    interrupted: str = ""
    outcome: Outcome | None = None

    def look(self) -> HostResult:
        """What became of the interrupted run is told even where the host answers nothing after it."""
        result = super().look()
        if self.survey is None and self.outcome:
            return replace(result, error=f"{result.error}; run {self.interrupted}: {self.outcome.told}")
        return result

    def _recover(self, run: str) -> str:
        self.interrupted, self.changing = run, True
        try:
            self._say(f"ending the interrupted run {run}")
            self.outcome = transaction.ask(self.shell, "finish", run)
        finally:
            self.changing = False
        return f"run {run} was interrupted before its end: {self.outcome.told}"

    def _surveyed(self) -> HostResult:
        result, outcome, name = super()._surveyed(), self.outcome, self.target.name
        if outcome and outcome.state in _STATUS:
            why = f"{outcome.failure}; {outcome.told}" if outcome.failure else outcome.told
            where = f"see /var/lib/remediate/txn/{self.interrupted}/log there"
            error = f"{name}: recover run {self.interrupted}: {why}; {where}"
            return replace(result, status=_STATUS[outcome.state], error=error)
        return result if outcome else self._not_needed(result)

    def _not_needed(self, result: HostResult) -> HostResult:
        open_run, name = self._known.snapshot.open_run, self.target.name
        if isinstance(open_run, Unknown):
            return replace(result, status="unknown", error=f"{name}: recover: {open_run.reason}")
        if open_run.holder:
            error = f"{name}: recover: a run is at work, not interrupted: {open_run.holder}; nothing was changed"
            return replace(result, status="locked", error=error)
        return replace(result, notes=(*result.notes, ("recover", "no run was interrupted: nothing to recover")))
