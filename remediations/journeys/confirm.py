"""The journey of `confirm`: a person keeps what a run with `--hold` has changed, if the site is good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from remediations import transaction, undoing
from remediations.connections.base import Shell
from remediations.errors import HostAnswerError, RefusedError
from remediations.facts import run_record, runs
from remediations.facts.base import Answer, Fact, Unknown
from remediations.facts.runs import Run
from remediations.first_facts import ask
from remediations.looking import without_open_run
from remediations.quoting import quote
from remediations.result import Change, HostResult, changes_of
from remediations.runner import STATUS_OF_STATE, Journey
from remediations.snapshot import Snapshot


@dataclass
class Confirming(Journey):
    """`wanted` is the run that is to stand."""

    wanted: str | None = None

    def _gather(self, shell: Shell, first: Mapping[str, Answer] | None = None) -> Snapshot:
        return without_open_run(super()._gather(shell, first), self.wanted)

    def _look(self) -> HostResult:
        looked = super()._look()
        try:
            run = self._find()
        except RefusedError as error:
            return replace(looked, status="refused", error=str(error))
        if run.state == "await":
            return self._keep(looked, run)
        if run.state == "committed":
            said = f"run {run.id} was confirmed before: nothing to do"
            return replace(looked, notes=(*looked.notes, ("confirm", said)))
        return self._too_late(looked, run)

    def _find(self) -> Run:
        name = self.target.name
        known = runs.FACT.read(ask(self.shell, [runs.FACT]).get(runs.FACT.name))
        if isinstance(known, Unknown):
            raise RefusedError(f"{name}: confirm {self.wanted}: {known.reason}; nothing was changed")
        run = known.find(self.wanted) if self.wanted else None
        if run is None:
            raise RefusedError(
                f"{name}: confirm {self.wanted}: there is no such run on this host; see: invoke history --host {name}"
            )
        return run

    def _keep(self, looked: HostResult, run: Run) -> HostResult:
        """The site is asked over this connection, which is a new one; a bad site is not confirmed."""
        name = self.target.name
        before = self._known.health
        after = self._timed("verify", lambda: self._verify(self.shell)) if before.ok else before
        if not after.ok:
            error = (
                f"{name}: run {run.id} is not confirmed: the site is not good ({after.summary}); the host undoes it by "
                f"itself when its time is over, or at once: invoke undo --host {name} --run {run.id}"
            )
            return replace(looked, status="refused", after=after, error=error)
        changes = _changes(self.shell, run)
        self.changing = True
        outcome = self._conversation_about(run.id, _nonce(self.shell, run.id)).confirm()
        if outcome.state != "committed":
            return self._not_confirmed(replace(looked, after=after), run, outcome)
        return replace(
            looked, status="changed", after=after, changes=changes, undo=run.id if run.files else None,
            seconds=dict(self.seconds),
        )  # fmt: skip

    def _too_late(self, looked: HostResult, run: Run) -> HostResult:
        name = self.target.name
        if run.state in ("new", "prepared", "swapping"):
            error = f"{name}: run {run.id} is not confirmed: it is still being applied; ask again in a moment"
            return replace(looked, status="refused", error=error)
        return self._not_confirmed(looked, run, transaction.ask(self.shell, "report", run.id))

    def _not_confirmed(self, looked: HostResult, run: Run, outcome: transaction.Outcome) -> HostResult:
        """Only what the host says: it may have undone the run, or may be at it."""
        status = STATUS_OF_STATE.get(outcome.state, "unknown")
        why = f"{outcome.failure}; {outcome.told}" if outcome.failure else outcome.told
        error = f"{self.target.name}: run {run.id} can no longer be confirmed: {why}"
        return replace(looked, status=status, error=error, seconds=dict(self.seconds))


def _nonce(shell: Shell, run: str) -> str:
    """By which the host knows that a confirmation is meant for this run; only root may read it."""
    script = f"sed -n 's/^nonce //p' {quote(f'{run_record.HOME}/{run}/run')}"
    fact: Fact[str] = Fact("nonce", script, lambda stdout: stdout.decode(errors="replace").strip())
    nonce = fact.read(ask(shell, [fact]).get("nonce"))
    if isinstance(nonce, Unknown) or not nonce.isalnum():
        raise HostAnswerError(f"confirm {run}: its record cannot be read; nothing was confirmed")
    return nonce


def _changes(shell: Shell, run: Run) -> tuple[Change, ...]:
    """What stands with it: told from its record."""
    fact = run_record.fact(run)
    record = fact.read(ask(shell, [fact]).get(fact.name))
    return () if isinstance(record, Unknown) else changes_of(undoing.forward(record))
