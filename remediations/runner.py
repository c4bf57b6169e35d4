"""One host's journey: gather, diagnose, plan, prove; then, unless it is a dry run, apply, verify, confirm or undo."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from remediations import diagnosis, health, proof, transaction
from remediations.connections.base import Connection, Shell, Target
from remediations.connections.open import open_connection
from remediations.early import EarlyConnection
from remediations.errors import (
    BecomeError,
    ConnectionLostError,
    EditError,
    HostAnswerError,
    LockedError,
    RefusedError,
    RemediateError,
    UnreachableError,
)  # fmt: skip
from remediations.facts import open_run
from remediations.facts.base import Answer, Unknown
from remediations.facts.http import Probe
from remediations.facts.open_run import OpenRun
from remediations.findings import Finding
from remediations.first_facts import ask
from remediations.gather import ask_health, gather
from remediations.health import Health
from remediations.health_settings import HealthSettings
from remediations.plan import Plan
from remediations.result import Change, Held, HostResult, Status
from remediations.snapshot import Snapshot
from remediations.survey import Survey
from remediations.transaction import READ_AGAIN, Outcome, Transaction, before_images
from remediations.transaction.conversation import LOST, MARGIN_SECONDS, Conversation
from remediations.transaction.program import CONFIRM_WITHIN, Program
from remediations.work import Work, make_plan, names_of

T = TypeVar("T")

GOOD_ANSWERS = 3
LOOK_AGAIN_SECONDS = 1.0
PATIENCE_SECONDS = 12.0
"""How long a site may take to come back: an app that starts, a group that retries its servers after 10 s."""

Progress = Callable[[str, str], None]
"""Told the host's name and what is being done there now."""


@dataclass(frozen=True)
class Options:
    """What holds for every host of a run. `state` is the folder for before-images, `run` the run's id.

    The host undoes what nobody confirms within `confirm_within` seconds; with `hold` that is left to a person. Where
    the run may change the host, a run that was interrupted there is ended first.
    """

    run: str
    state: Path
    diagnose_only: bool = False
    settle: float | None = None
    require_proof: bool = False
    plan: str | None = None
    confirm_within: int = CONFIRM_WITHIN
    wait_lock: int = 0
    hold: bool = False
    may_change: bool = False


@dataclass
class Journey:
    """One host, from the first connection to its result. `look` reads only; `finish` may change."""

    target: Target
    settings: HealthSettings
    work: tuple[Work, ...]
    options: Options
    progress: Progress
    variables: Mapping[str, object] = field(default_factory=dict)
    early: EarlyConnection | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    survey: Survey | None = None
    changing: bool = False
    _connections: list[Connection] = field(default_factory=list)
    _shell: Shell | None = None

    def look(self) -> HostResult:
        """The result of a dry run: what is wrong, what would change, and whether that is proven."""
        return self._guarded(self._look)

    def finish(self) -> HostResult:
        """Applies what `look` planned. The result of `look` where there is nothing to apply."""
        return self._guarded(self._finish)

    def close(self) -> None:
        """Ends the connection; a transaction that was not confirmed undoes itself."""
        for each in (*self._connections, self.early):
            if each is not None:
                each.close()

    # --- looking ---

    def _look(self) -> HostResult:
        self._connect()
        self._say("gathering facts")
        first = self.early.first_answers() if self.early else None
        snapshot = self._timed("gather", lambda: self._gather(self.shell, first))
        remarks: tuple[str, ...] = ()
        if self.options.may_change and self._waited(snapshot):
            snapshot = self._timed("gather", lambda: self._gather(self.shell))
        if self.options.may_change and (interrupted := _interrupted(snapshot)):
            remarks = (self._timed("recover", lambda: self._recover(interrupted)),)
            snapshot = self._timed("gather", lambda: self._gather(self.shell))
        self._say("diagnosing")
        judged = health.judge(snapshot.answers, snapshot.unasked)
        findings = diagnosis.diagnose(snapshot)
        try:
            plan = self._plan(snapshot, findings)
        except RefusedError as error:
            return HostResult(self.target.name, "refused", judged, findings=findings, error=str(error))
        self._say("proving the plan") if plan.files else None
        proven = self._timed("proof", lambda: proof.prove(self.shell, snapshot, plan))
        self.survey = Survey(snapshot, judged, findings, plan, proven, remarks)
        return self._surveyed()

    def _connect(self) -> None:
        self._say("connecting")
        self._connections.append(self.early or open_connection(self.target, self._say))
        self._shell = self._timed("connect", self._connections[0].shell)

    def _plan(self, snapshot: Snapshot, findings: tuple[Finding, ...]) -> Plan:
        return make_plan(self.work, snapshot, findings)

    def _waited(self, snapshot: Snapshot) -> bool:
        """Whether another run was at work and has ended: what was read in its midst is no ground for a plan."""
        deadline = time.monotonic() + self.options.wait_lock
        if not _held(snapshot.open_run) or not self.options.wait_lock:
            return False
        self._say("waiting for another run to end")
        while time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN_SECONDS)
            if not _held(open_run.FACT.read(ask(self.shell, [open_run.FACT]).get(open_run.FACT.name))):
                return True
        return False

    def _recover(self, run: str) -> str:
        """Ends what an interrupted run left, by the program that it left there; what the host says of it."""
        self._say(f"ending the interrupted run {run}")
        outcome = transaction.ask(self.shell, "finish", run)
        return f"run {run} was interrupted before its end: {outcome.told}"

    def _gather(self, shell: Shell, first: Mapping[str, Answer] | None = None) -> Snapshot:
        return gather(shell, self.target.name, self.settings, self.variables, first, self._named())

    def _named(self) -> tuple[str, ...]:
        """The units that the run is about, whether systemd lists them or not."""
        return names_of(self.work)

    def _surveyed(self) -> HostResult:
        result = replace(self._known.result(diagnose_only=self.options.diagnose_only), seconds=dict(self.seconds))
        refusal = self._refusal()
        return replace(result, status="refused", changes=(), error=refusal) if refusal else result

    def _refusal(self) -> str | None:
        return self._known.refusal(only_plan=self.options.plan, require_proof=self.options.require_proof)

    # --- changing ---

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
            reads=proof.relied_on(survey.snapshot, survey.plan), confirm_within=self.options.confirm_within,
            wait_lock=self.options.wait_lock,
        )  # fmt: skip

    def _verify(self, shell: Shell) -> Health:
        """Good answers, several; a site may take a while to come back."""
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
        undo = self.options.run if script else None
        return replace(looked, status=status, after=after, undo=undo, restore=restore, seconds=dict(self.seconds))

    def _unhelped(self, looked: HostResult, talk: Conversation, after: Health, script: Path | None) -> HostResult:
        """The site is bad: undone, unless the changes cured what they were for and another fault remains."""
        survey, name = self._known, self.target.name
        now = tuple(one for one in diagnosis.diagnose(self._gather(talk.shell)) if one.cause != "unknown")
        helped = survey.health.ok is False and survey.cured(now) and bool(now)
        if helped or not survey.plan.files:
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
        if status == "rolled_back" and not self._known.plan.files:
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

    # --- common ---

    @property
    def shell(self) -> Shell:
        assert self._shell is not None, "look comes first"
        return self._shell

    @property
    def _known(self) -> Survey:
        assert self.survey is not None, "look comes first"
        return self.survey

    def _say(self, text: str) -> None:
        self.progress(self.target.name, text)

    def _timed(self, name: str, act: Callable[[], T]) -> T:
        start = time.monotonic()
        try:
            return act()
        finally:
            self.seconds[name] = time.monotonic() - start

    def _guarded(self, act: Callable[[], HostResult]) -> HostResult:
        """Every error raised on purpose becomes this host's result; the other hosts go on."""
        changing = self.survey is not None
        try:
            return act()
        except RemediateError as error:
            status = _status_after(error, changing=changing)
            looked = self._surveyed() if changing else HostResult(self.target.name, status)
            return replace(looked, status=status, changes=(), error=str(error), seconds=dict(self.seconds))


def _held(last: open_run.OpenRun | Unknown) -> bool:
    return not isinstance(last, Unknown) and bool(last.holder)


def _interrupted(snapshot: Snapshot) -> str:
    """The run of this toolkit that was cut off on the host, if there is one."""
    last = snapshot.open_run
    return last.run if not isinstance(last, Unknown) and last.interrupted else ""


def without_open_run(snapshot: Snapshot, run: str | None) -> Snapshot:
    """The run that a journey is about is no other run that is at work."""
    known = snapshot.open_run
    ours = not isinstance(known, Unknown) and known.run == run and not known.interrupted
    return replace(snapshot, open_run=OpenRun()) if ours else snapshot


def _told_by(outcome: Outcome) -> tuple[str, ...]:
    """What a person should know of how the host carried the run out."""
    said = [f"the interrupted run {run} was ended first" for run in outcome.did("recovered")]
    if outcome.runner == "setsid":
        said.append("without systemd 236 a reboot in the middle is ended by the next run only, not by the boot")
    return tuple(said)


STATUS_OF_STATE: dict[str, Status] = {
    "rolled_back": "rolled_back",
    "refused": "refused",
    "locked": "locked",
    "needs_human": "needs_human",
}


def _status_after(error: RemediateError, *, changing: bool) -> Status:
    match error:
        case ConnectionLostError() | HostAnswerError() if changing:
            return "unknown"
        case UnreachableError():
            return "unreachable"
        case LockedError():
            return "locked"
        case RefusedError() | EditError() | BecomeError():
            return "refused"
    return "unknown"
