"""One host's journey: gather, diagnose, plan, prove; then, unless it is a dry run, apply, verify, confirm or undo."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from remediations import diagnosis, health, proof
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
from remediations.facts.base import Answer, Unknown
from remediations.findings import Finding
from remediations.gather import ask_health, gather
from remediations.health import Health
from remediations.health_settings import HealthSettings
from remediations.plan import Plan
from remediations.proof import Proof
from remediations.result import Change, HostResult, Status, changes_of
from remediations.snapshot import Snapshot
from remediations.transaction import Outcome, Transaction, before_images
from remediations.transaction.program import Program
from remediations.work import Work, make_plan, names_of

T = TypeVar("T")

GOOD_ANSWERS = 3
PATIENCE_SECONDS = 12.0
"""How long a site may take to come back: an app that starts, a group that retries its servers after 10 s."""

Progress = Callable[[str, str], None]
"""Told the host's name and what is being done there now."""


@dataclass(frozen=True)
class Options:
    """What holds for every host of a run. `state` is the folder for before-images, `run` the run's id."""

    run: str
    state: Path
    diagnose_only: bool = False
    settle: float | None = None
    require_proof: bool = False
    plan: str | None = None


@dataclass(frozen=True)
class Survey:
    """Everything that is known of a host before anything is changed."""

    snapshot: Snapshot
    health: Health
    findings: tuple[Finding, ...]
    plan: Plan
    proof: Proof | None


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
    _connection: Connection | None = None
    _shell: Shell | None = None

    def look(self) -> HostResult:
        """The result of a dry run: what is wrong, what would change, and whether that is proven."""
        return self._guarded(self._look)

    def finish(self) -> HostResult:
        """Applies what `look` planned. The result of `look` where there is nothing to apply."""
        return self._guarded(self._finish)

    def close(self) -> None:
        """Ends the connection; a transaction that was not confirmed undoes itself."""
        for each in (self._shell, self._connection or self.early):
            if each is not None:
                each.close()

    # --- looking ---

    def _look(self) -> HostResult:
        self._say("connecting")
        self._connection = self.early or open_connection(self.target, self._say)
        self._shell = self._timed("connect", self._connection.shell)
        self._say("gathering facts")
        first = self.early.first_answers() if self.early else None
        snapshot = self._timed("gather", lambda: self._gather(first))
        self._say("diagnosing")
        judged = health.judge(snapshot.answers, snapshot.unasked)
        findings = diagnosis.diagnose(snapshot)
        try:
            plan = make_plan(self.work, snapshot, findings)
        except RefusedError as error:
            return HostResult(self.target.name, "refused", judged, findings=findings, error=str(error))
        self._say("proving the plan") if plan.files else None
        proven = self._timed("proof", lambda: proof.prove(self.shell, snapshot, plan))
        self.survey = Survey(snapshot, judged, findings, plan, proven)
        return self._surveyed()

    def _gather(self, first: Mapping[str, Answer] | None = None) -> Snapshot:
        name, named = self.target.name, names_of(self.work)
        return gather(self.shell, name, self.settings, self.variables, first, named)

    def _surveyed(self) -> HostResult:
        survey = self._known
        result = HostResult(
            host=self.target.name,
            status=_status_of(survey, diagnose_only=self.options.diagnose_only),
            before=survey.health,
            findings=survey.findings,
            changes=changes_of(survey.plan),
            notes=survey.plan.notes,
            warnings=_warnings(survey),
            proof=survey.proof,
            plan=None if survey.plan.empty else survey.plan.sha256,
            seconds=dict(self.seconds),
        )
        refusal = self._refusal(survey)
        return replace(result, status="refused", changes=(), error=refusal) if refusal else result

    def _refusal(self, survey: Survey) -> str | None:
        """Why this plan may not be applied, known before anything is touched."""
        name, plan, proven = self.target.name, survey.plan, survey.proof
        if plan.empty:
            return None
        if not survey.snapshot.machine.root:
            return f"{name}: not root there, so nothing can be changed; log in as root or allow sudo"
        if self.options.plan and not plan.sha256.startswith(self.options.plan):
            return f"{name}: the plan is now {plan.sha256[:16]}, not the reviewed {self.options.plan[:16]}"
        if proven and proven.failed:
            return f"{name}: {proven.failed.name} does not accept the planned change: {proven.failed.output}"
        if proven and not proven.proven and self.options.require_proof:
            return f"{name}: the plan is not proven ({proven.reason}) and --require-proof forbids to apply it"
        if survey.health.ok is None:
            return f"{name}: the site's health cannot be told ({survey.health.summary}), so no change could be verified"
        return None

    # --- changing ---

    def _finish(self) -> HostResult:
        looked = self._surveyed()
        if looked.status != "planned":
            return looked
        survey = self._known
        script = self._keep_before_images(survey) if survey.plan.files else None
        transaction = Transaction(self.shell, self._program(survey))
        self._say("applying")
        self.changing = True
        outcome = self._timed("apply", transaction.begin)
        if outcome.state != "await":
            return self._ended(looked, outcome)
        self._remember_folders(survey, outcome)
        self._say("checking the site")
        after = self._timed("verify", self._verify)
        if after.ok:
            return self._confirmed(looked, transaction, after, script)
        return self._unhelped(looked, transaction, after, script)

    def _program(self, survey: Survey) -> Program:
        """What could not be proven in private is judged in place, before anything is reloaded."""
        unproven = survey.proof is not None and survey.proof.reason is not None
        return Program(
            survey.snapshot, survey.plan, self.options.run, self.options.settle, _baseline(survey),
            proof.validators(survey.snapshot, survey.plan) if unproven else (),
        )  # fmt: skip

    def _verify(self) -> Health:
        """Good answers, several; a site may take a while to come back."""
        rounds = health.rounds([answer.probe for answer in self._known.health.answers], GOOD_ANSWERS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            judged = health.judge(ask_health(self.shell, rounds), self._known.snapshot.unasked)
            if judged.ok or time.monotonic() >= deadline:
                return judged
            time.sleep(0.5)

    def _confirmed(
        self, looked: HostResult, transaction: Transaction, after: Health, script: Path | None
    ) -> HostResult:
        outcome = transaction.confirm()
        if outcome.state != "committed":
            return self._ended(replace(looked, after=after), outcome)
        status: Status = "changed" if after.ok else "failed"
        restore = before_images.restore_command(self.target, script) if script else None
        return replace(looked, status=status, after=after, restore=restore, seconds=dict(self.seconds))

    def _unhelped(self, looked: HostResult, transaction: Transaction, after: Health, script: Path | None) -> HostResult:
        """The site is bad: undone, unless the changes cured what they were for and another fault remains."""
        survey = self._known
        remaining = self._remaining(survey)
        others = ", ".join(f"{finding.cause} ({finding.subject})" for finding in remaining or ())
        if not survey.plan.files or (remaining and survey.health.ok is False):
            what = f"what remains: {others}" if others else "and no known cause fits"
            kept = self._confirmed(looked, transaction, after, script)
            error = f"{self.target.name}: the site is still bad ({after.summary}); {what}"
            return replace(kept, findings=remaining or kept.findings, error=kept.error or error)
        self._say("the site is not healthy: undoing")
        outcome = self._timed("undo", transaction.undo)
        result = self._ended(replace(looked, after=after), outcome)
        was = "still bad" if survey.health.ok is False else "bad after the change"
        return replace(result, error=f"{self.target.name}: the site was {was} ({after.summary}); {_told(outcome)}")

    def _remaining(self, survey: Survey) -> tuple[Finding, ...] | None:
        """The findings that are there now, if those which the changes answer have gone; None where they have not."""
        findings = diagnosis.diagnose(self._gather())
        answered = {(one.cause, one.subject) for one in survey.findings if _answers(survey, one)}
        still = {(one.cause, one.subject) for one in findings}
        real = tuple(one for one in findings if one.cause != "unknown")
        return real if answered and not answered & still and real else None

    def _ended(self, looked: HostResult, outcome: Outcome) -> HostResult:
        """The host ended it by itself, or says neither yes nor no."""
        status = _STATUS_OF_STATE.get(outcome.state, "unknown")
        name, told = self.target.name, _told(outcome)
        undone: tuple[Change, ...] = ()
        stands: tuple[Change, ...] = ()
        if status == "rolled_back":
            stands = tuple(one for one in looked.changes if (one.action, one.target) in _started(outcome))
            undone = tuple(one for one in looked.changes if one.kind == "file" or one.action in _READ_AGAIN)
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


def _answers(survey: Survey, finding: Finding) -> bool:
    """Whether the plan is to cure this: the right remediation, and not a unit that it refused to touch."""
    plan, subject = survey.plan, finding.subject
    if finding.remediation not in plan.remediations:
        return False
    acted = any(action.unit == subject for action in plan.actions)
    written = any(f"/{subject}.d/" in file.change.path for file in plan.files)
    return acted or written or survey.snapshot.unit(subject) is None


_READ_AGAIN = ("reload", "daemon-reload")
"""What an undo repeats with the old files. A start or a restart is never taken back: the unit runs."""


def _started(outcome: Outcome) -> set[tuple[str, str]]:
    """The units that were started or restarted in this run, and run now."""
    acts = (tuple(act.split(" ", 1)) for act in outcome.did("acted") if " " in act)
    return {(act, unit) for act, unit in acts if act not in _READ_AGAIN}


_STATUS_OF_STATE: dict[str, Status] = {
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


def _status_of(survey: Survey, *, diagnose_only: bool) -> Status:
    named = any(finding.cause != "unknown" for finding in survey.findings)
    if diagnose_only and named:
        return "diagnosed"
    if not survey.plan.empty:
        return "planned"
    if survey.health.ok:
        return "ok"
    if survey.health.ok is None:
        return "unknown"
    return "failed" if named else "undiagnosed"


def _warnings(survey: Survey) -> tuple[str, ...]:
    said = [*survey.plan.warnings, *(f"refused: {text}" for text in survey.plan.refusals)]
    if survey.proof and survey.proof.reason:
        said.append(f"the plan is not proven: {survey.proof.reason}")
    blind = diagnosis.blind_spots(survey.snapshot)
    return tuple([*said, blind] if blind else said)


def _baseline(survey: Survey) -> bool:
    """Whether the configuration that stands now validates; where it does not, an undo must not reload it."""
    verdicts = survey.snapshot.verdicts
    return isinstance(verdicts, Unknown) or all(verdict.ok or not verdict.fatal for verdict in verdicts)


def _told(outcome: Outcome) -> str:
    """In what state the host is now, in words."""
    return {
        "rolled_back": "everything was put back and the old configuration serves",
        "refused": "nothing was changed",
        "locked": "nothing was changed",
        "needs_human": "a person must look: not everything could be put back",
        "committed": "the host says that the changes stand",
        "await": "the host still waits and will undo the changes by itself",
        "unknown": "the host did not say in what state it is",
    }[outcome.state]
