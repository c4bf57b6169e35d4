"""The second half of a host's journey: apply what was planned, verify, then confirm, undo, or leave it to a person."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from remediations import diagnosis, health, proof, steadiness, vigil
from remediations.connections.base import Connection, Shell
from remediations.connections.open import open_connection
from remediations.facts.http import Probe
from remediations.gather import ask_health
from remediations.health import Health
from remediations.looking import Looking
from remediations.plan import Plan
from remediations.result import Change, Held, HostResult, Status
from remediations.steadiness import Check
from remediations.survey import Survey
from remediations.transaction import READ_AGAIN, Outcome, Transaction, before_images
from remediations.transaction.conversation import LOST, MARGIN_SECONDS, Conversation
from remediations.transaction.program import Program

GOOD_ANSWERS = 3
PATIENCE_SECONDS = 12.0
"""How long a site may take to come back: an app that starts, a group that retries its servers after 10 s."""

STATUS_OF_STATE: dict[str, Status] = {
    "rolled_back": "rolled_back",
    "refused": "refused",
    "locked": "locked",
    "needs_human": "needs_human",
}


@dataclass
class Journey(Looking):
    """One host, from the first connection to its result. `look` reads only; `finish` may change."""

    changing: bool = False
    checks: tuple[Check, ...] = ()

    def finish(self) -> HostResult:
        """Applies what `look` planned. The result of `look` where there is nothing to apply."""
        return self._guarded(self._finish)

    def _finish(self) -> HostResult:
        looked = self._surveyed()
        if looked.status != "planned":
            return looked
        survey = self._known
        script = self._keep_before_images(survey) if survey.plan.files else None
        talk = self._conversation(Transaction(self._program(survey)))
        self._say("applying")
        self.changing = True
        outcome = self._timed("apply", talk.begin)
        if outcome.state != "await":
            return self._ended(looked, outcome)
        looked = replace(looked, warnings=(*looked.warnings, *_told_by(outcome)))
        self._remember_folders(survey, outcome)
        locked_out = self._timed("come again", talk.come_again)
        if locked_out:
            return self._ended(looked, locked_out)
        return self._judged(looked, talk, script)

    def _judged(self, looked: HostResult, talk: Conversation, script: Path | None) -> HostResult:
        """The site decides, over the new connection; where that one is lost, over another."""
        self._say("checking the site")
        try:
            after = self._timed("verify", lambda: self._verify(talk.shell))
        except LOST as error:
            outcome = talk.again(error)
            if outcome.state != "await":
                return self._ended(looked, outcome)
            after = self._timed("verify", lambda: self._verify(talk.shell))
        looked = replace(looked, checks=self.checks)
        if not after.ok:
            return self._unhelped(looked, talk, after, script)
        return self._held(looked, after) if self.options.hold else self._confirmed(looked, talk, after, script)

    def _held(self, looked: HostResult, after: Health) -> HostResult:
        held = Held(self.options.run, self.options.confirm_within)
        return replace(looked, after=after, held=held, seconds=dict(self.seconds))

    def _conversation(self, change: Transaction) -> Conversation:
        def open_another() -> Connection:
            self._connections.append(open_connection(self.target, self._say))
            return self._connections[-1]

        return Conversation(change, self.shell, open_another, self._say)

    def _conversation_about(self, run: str, nonce: str = "") -> Conversation:
        """The same about a run of the past, whose program the host has: only its name and its word are needed."""
        snapshot = self._known.snapshot
        talk = self._conversation(Transaction(Program(snapshot, Plan(snapshot.host), run, nonce=nonce)))
        talk.deadline = time.monotonic() + MARGIN_SECONDS
        return talk

    def _program(self, survey: Survey) -> Program:
        """What could not be proven in private is judged in place, before anything is reloaded."""
        return Program(
            survey.snapshot, survey.plan, self.options.run, self.options.settle, survey.baseline_valid,
            proven=not survey.unproven, validators=proof.validators(survey.snapshot, survey.plan),
            reads=proof.relied_on(survey.snapshot, survey.plan), confirm_within=self._confirm_within,
            wait_lock=self.options.wait_lock,
        )  # fmt: skip

    def _verify(self, shell: Shell) -> Health:
        """Good answers, several; with `full` all that the verb verify looks at, once there are some."""
        judged = self._answers_well(shell)
        return self._stands(shell) if judged.ok and self.options.full else judged

    def _stands(self, shell: Shell) -> Health:
        """The site, watched for a while: good answers are not good where one of the checks is bad."""
        seconds = self._seconds_to_stand
        self._say(f"watching the site for {seconds:g} s")
        kept = vigil.keep(shell, self._gather(shell), seconds, lambda: self._gather(shell))
        self.checks = kept.checks
        bad = steadiness.failed(kept.checks)
        return replace(kept.health, ok=False, summary=f"{bad.name}: {bad.text}") if bad else kept.health

    def _answers_well(self, shell: Shell) -> Health:
        """A site may take a while to come back."""
        rounds = health.rounds(self._probes(shell), GOOD_ANSWERS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            judged = health.judge(ask_health(shell, rounds), self._known.snapshot.unasked)
            if judged.ok or time.monotonic() >= deadline:
                return judged
            time.sleep(0.5)

    def _probes(self, shell: Shell) -> list[Probe]:  # noqa: ARG002 - another kind of journey asks the host
        """The questions that decide after the change: those from before it."""
        return [answer.probe for answer in self._known.health.answers]

    def _confirmed(self, looked: HostResult, talk: Conversation, after: Health, script: Path | None) -> HostResult:
        outcome = talk.confirm()
        if outcome.state != "committed":
            return self._ended(replace(looked, after=after), outcome)
        if outcome.failure:  # committed, but not all is well: its journal may not be on the disk
            looked = replace(looked, warnings=(*looked.warnings, f"{self.target.name}: {outcome.failure}"))
        status: Status = "changed" if after.ok else "failed"
        restore = before_images.restore_command(self.target, script) if script else None
        undo = self.options.run if self._known.plan.reversible else None
        return replace(looked, status=status, after=after, undo=undo, restore=restore, seconds=dict(self.seconds))

    def _unhelped(self, looked: HostResult, talk: Conversation, after: Health, script: Path | None) -> HostResult:
        """The site is bad: undone, unless the changes cured what they were for and another fault remains."""
        survey, name = self._known, self.target.name
        now = tuple(one for one in diagnosis.diagnose(self._gather(talk.shell)) if one.cause != "unknown")
        helped = survey.health.ok is False and survey.cured(now) and bool(now)
        if helped or not survey.plan.reversible:
            kept = self._confirmed(looked, talk, after, script)
            what = ", ".join(f"{one.cause} ({one.subject})" for one in now) or "no known cause fits"
            error = f"{name}: the site is still bad ({after.summary}); what remains: {what}"
            return replace(kept, findings=now or kept.findings, error=kept.error or error)
        self._say("the site is not healthy: undoing")
        outcome = self._timed("undo", talk.abort)
        was = "still bad" if survey.health.ok is False else "bad after the change"
        result = self._ended(replace(looked, after=after), outcome)
        return replace(result, error=f"{name}: the site was {was} ({after.summary}); {outcome.told}")

    def _ended(self, looked: HostResult, outcome: Outcome) -> HostResult:
        """The host ended it by itself, or says neither yes nor no."""
        status = STATUS_OF_STATE.get(outcome.state, "unknown")
        name, told = self.target.name, outcome.told
        undone: tuple[Change, ...] = ()
        stands: tuple[Change, ...] = ()
        if status == "rolled_back":
            stands = tuple(one for one in looked.changes if (one.action, one.target) in outcome.started)
            undone = tuple(one for one in looked.changes if one.kind == "file" or one.action in READ_AGAIN)
        if status == "rolled_back" and not self._known.plan.reversible:
            status, undone, told = "failed", (), "there was no file to put back"
        error = f"{name}: {outcome.failure}; {told}" if outcome.failure else f"{name}: {told}"
        return replace(looked, status=status, changes=stands, undone=undone, error=error, seconds=dict(self.seconds))

    def _keep_before_images(self, survey: Survey) -> Path:
        return before_images.keep(self._images, survey.snapshot, survey.plan, self.options.run)

    def _remember_folders(self, survey: Survey, outcome: Outcome) -> None:
        """Only now is it known which folders were made; the way back removes them too."""
        if made := outcome.did("made"):
            before_images.write_script(self._images, survey.snapshot, survey.plan, self.options.run, made[::-1])

    @property
    def _images(self) -> Path:
        return self.options.state / self.options.run / self.target.name


def _told_by(outcome: Outcome) -> tuple[str, ...]:
    """What a person should know of how the host carried the run out."""
    said = [f"the interrupted run {run} was ended first" for run in outcome.did("recovered")]
    if outcome.runner == "setsid":
        said.append("without systemd 236 a reboot in the middle is ended by the next run only, not by the boot")
    return tuple(said)
