"""The journey of `undo`: back from one run, as a transaction of its own; what a person has asked for stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from remediations import diagnosis, undoing
from remediations.connections.base import Shell
from remediations.errors import RefusedError
from remediations.facts import run_record, runs
from remediations.facts.base import Answer, Unknown
from remediations.facts.http import Probe
from remediations.facts.run_record import RunRecord
from remediations.facts.runs import Runs
from remediations.findings import Finding
from remediations.first_facts import ask
from remediations.health import Health
from remediations.looking import without_open_run
from remediations.plan import Plan
from remediations.result import HostResult
from remediations.runner import Journey
from remediations.snapshot import Snapshot
from remediations.survey import Survey
from remediations.transaction.conversation import Conversation
from remediations.transaction.program import Program
from remediations.undoing import Undo

STANDS = "the site is not good now: an undo that was asked for stands whether it helps or not"
REPAIRS = "the present configuration does not validate; with the old files it does"


@dataclass
class Undoing(Journey):
    """`wanted` is the run to take back; None: the last that stands."""

    wanted: str | None = None
    runs: Runs | Unknown | None = None
    record: RunRecord | Unknown | None = None
    undo: Undo | None = None

    # --- looking ---

    def _gather(self, shell: Shell, first: Mapping[str, Answer] | None = None) -> Snapshot:
        """The journal is read with all else, and first: it says which units the undo is about."""
        self.runs = runs.FACT.read(ask(shell, [runs.FACT]).get(runs.FACT.name))
        self.record = self._read_record(shell, self.runs)
        about = self.record.run.id if isinstance(self.record, RunRecord) else None
        return without_open_run(super()._gather(shell, first), about)

    def _read_record(self, shell: Shell, known: Runs | Unknown) -> RunRecord | Unknown | None:
        if isinstance(known, Unknown):
            return known
        run = known.find(self.wanted) if self.wanted else known.to_undo
        if run is None:
            return None
        fact = run_record.fact(run)
        return fact.read(ask(shell, [fact]).get(fact.name))

    def _waited(self, snapshot: Snapshot) -> bool:
        """The run that is to be taken back is not waited for."""
        under_way = "" if isinstance(snapshot.open_run, Unknown) else snapshot.open_run.run
        wanted = self.record.run.id if isinstance(self.record, RunRecord) else None
        return under_way != wanted and super()._waited(snapshot)

    def _named(self) -> tuple[str, ...]:
        acts = self.record.acts if isinstance(self.record, RunRecord) else ()
        return tuple(dict.fromkeys(act.unit for act in acts if act.unit))

    def _plan(self, snapshot: Snapshot, findings: tuple[Finding, ...]) -> Plan:  # noqa: ARG002 - nothing is to be cured
        name = self.target.name
        if self.runs is None or isinstance(self.runs, Unknown):
            raise RefusedError(f"{name}: undo: the journal of runs cannot be read: {self.runs and self.runs.reason}")
        undoing.choose(self.runs, self.wanted, name)
        if isinstance(self.record, Unknown):
            raise RefusedError(f"{name}: undo: {self.record.reason}; nothing was changed")
        self.undo = undoing.plan(self.record, self.runs, snapshot)
        return self.undo.plan

    def _refusal(self) -> str | None:
        """Whether the site is good decides nothing beforehand: an undo is for when it is not."""
        options = self.options
        return self._known.refusal(only_plan=options.plan, require_proof=options.require_proof, blind=True)

    def _surveyed(self) -> HostResult:
        result, survey = super()._surveyed(), self._known
        if result.status == "planned" and survey.health.ok is not True:
            result = replace(result, warnings=(*result.warnings, STANDS))
        if not survey.baseline_valid and survey.proof and survey.proof.proven:
            result = replace(result, notes=(*result.notes, (runs.UNDO, REPAIRS)))
        return result

    # --- changing ---

    def _finish(self) -> HostResult:
        looked = self._surveyed()
        if looked.status == "planned" and self._chosen.run and not self._chosen.run.ended:
            return self._ended_at_once(looked, self._chosen.run.id)
        return super()._finish()

    def _ended_at_once(self, looked: HostResult, run: str) -> HostResult:
        """A run that still waits for its confirmation is not taken back by another one: it is told to undo itself."""
        self._say(f"run {run} waits for a confirmation: it is undone now")
        self.changing = True
        talk = self._conversation_about(run)
        outcome = self._timed("undo", talk.abort)
        if outcome.state != "rolled_back":
            return self._ended(looked, outcome)
        after = self._timed("verify", lambda: self._verify(talk.shell))
        kept = replace(looked, status="changed" if after.ok else "failed", after=after, seconds=dict(self.seconds))
        return kept if after.ok else self._still_bad(kept, talk.shell, after)

    def _program(self, survey: Survey) -> Program:
        chosen = self._chosen
        return replace(super()._program(survey), like=dict(chosen.like), emptied=chosen.emptied, what=chosen.what)

    def _probes(self, shell: Shell) -> list[Probe]:
        """Those of the configuration that stands again, and those from before where it still is to serve the site."""
        now = super()._gather(shell)
        answers = () if isinstance(now.answers, Unknown) else now.answers
        fresh = {(answer.probe.url, answer.probe.connect): answer.probe for answer in answers}
        old = (probe for probe in super()._probes(shell) if undoing.still_served(now, probe))
        return [*fresh.values(), *(probe for probe in old if (probe.url, probe.connect) not in fresh)]

    def _unhelped(self, looked: HostResult, talk: Conversation, after: Health, script: Path | None) -> HostResult:
        """Undone itself where it made a good site bad; otherwise somebody has asked for it, and it stands."""
        if self._known.health.ok:
            return super()._unhelped(looked, talk, after, script)
        kept = self._confirmed(looked, talk, after, script)
        return self._still_bad(kept, talk.shell, after) if kept.status == "failed" else kept

    def _still_bad(self, kept: HostResult, shell: Shell, after: Health) -> HostResult:
        name = self.target.name
        now = tuple(one for one in diagnosis.diagnose(super()._gather(shell)) if one.cause != "unknown")
        what = ", ".join(f"{one.cause} ({one.subject})" for one in now) or "no known cause fits"
        if after.ok is None:
            error = f"{name}: the undo stands, as asked; whether the site is good cannot be told ({after.summary})"
            return replace(kept, status="unknown", error=error)
        error = f"{name}: the undo stands, as asked; the site is still bad ({after.summary}); what remains: {what}"
        return replace(kept, findings=now or kept.findings, error=error)

    @property
    def _chosen(self) -> Undo:
        assert self.undo is not None, "look comes first"
        return self.undo
