"""The first half of a host's journey, which reads only: gather, diagnose, plan, prove."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from remediations import diagnosis, health, proof, rehearsal, steadiness, transaction
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
from remediations.facts.open_run import OpenRun
from remediations.facts.outside import Outside
from remediations.findings import Finding
from remediations.first_facts import ask
from remediations.gather import gather
from remediations.health_settings import HealthSettings
from remediations.plan import Plan
from remediations.result import HostResult, Status
from remediations.snapshot import Snapshot
from remediations.survey import Survey
from remediations.transaction.program import CONFIRM_WITHIN
from remediations.work import Work, make_plan, names_of

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 1.0
AROUND_SECONDS = 45
"""For the first answers of a site that comes back, and the two looks around the time in which it is watched."""

Progress = Callable[[str, str], None]
"""Told the host's name and what is being done there now."""


@dataclass(frozen=True)
class Options:
    """What holds for every host of a run. `state` is the folder for before-images, `run` the run's id.

    The host undoes what nobody confirms within `confirm_within` seconds; with `hold` that is left to a person. Where
    the run may change the host, a run that was interrupted there is ended first. `asked`: somebody named these
    remediations, so that a good site where all of them refuse is not an answer to what was asked. `full`: the site is
    watched for a while before the change is confirmed, for which `confirm_within` may be extended or
    not. `outside` waits for what the control side gets for a --url.
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
    asked: bool = False
    full: bool = False
    extend: bool = True
    outside: Callable[[], Outside] | None = None


@dataclass
class Looking:
    """One host, from the first connection to what is wrong there, what would change, and whether that is proven."""

    target: Target
    settings: HealthSettings
    work: tuple[Work, ...]
    options: Options
    progress: Progress
    variables: Mapping[str, object] = field(default_factory=dict)
    early: EarlyConnection | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    survey: Survey | None = None
    _connections: list[Connection] = field(default_factory=list)
    _shell: Shell | None = None

    def look(self) -> HostResult:
        """The result of a dry run; reads only, but that it ends an interrupted run where the run may change."""
        return self._guarded(self._look)

    def close(self) -> None:
        """Ends the connection; a transaction that was not confirmed undoes itself."""
        for each in (*self._connections, self.early):
            if each is not None:
                each.close()

    def _look(self) -> HostResult:
        self._connect()
        self._say("gathering facts")
        snapshot = self._gathered(self.early.first_answers() if self.early else None)
        snapshot, remarks = self._alone(snapshot) if self.options.may_change else (snapshot, ())
        self.seconds["shell"] = snapshot.shell_seconds
        self._say("diagnosing")
        judged = health.judge(snapshot.answers, snapshot.unasked)
        findings = self._timed("diagnose", lambda: diagnosis.diagnose(snapshot))
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

    def _alone(self, snapshot: Snapshot) -> tuple[Snapshot, tuple[str, ...]]:
        """Once no other run is at work: one that lives is waited for where asked, an interrupted one is ended."""
        if self._waited(snapshot):
            snapshot = self._gathered()
        if not (interrupted := _interrupted(snapshot)):
            return snapshot, ()
        remark = self._timed("recover", lambda: self._recover(interrupted))
        return self._gathered(), (remark,)

    def _gathered(self, first: Mapping[str, Answer] | None = None) -> Snapshot:
        return self._timed("gather", lambda: self._gather(self.shell, first))

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
        meanwhile = rehearsal.begin if self.work else None
        found = gather(shell, self.target.name, self.settings, self.variables, first, self._named(), meanwhile)
        return replace(found, outside=self.options.outside()) if self.options.outside else found

    def _named(self) -> tuple[str, ...]:
        """The units that the run is about, whether systemd lists them or not."""
        return names_of(self.work)

    def _surveyed(self) -> HostResult:
        result = replace(self._known.result(diagnose_only=self.options.diagnose_only), seconds=dict(self.seconds))
        refusal = self._refusal()
        return replace(result, status="refused", changes=(), error=refusal) if refusal else result

    def _refusal(self) -> str | None:
        options = self.options
        needed = self._time_to_watch
        if needed and not options.extend and options.confirm_within < needed and not self._known.plan.empty:
            return (
                f"{self.target.name}: --verify full may take {needed} s, and after --confirm-timeout "
                f"{options.confirm_within} the host would undo the change in its midst: give it {needed} or more"
            )
        return self._known.refusal(only_plan=options.plan, require_proof=options.require_proof, asked=options.asked)

    @property
    def _time_to_watch(self) -> int:
        """How long it may take until a change can be confirmed; 0 where a few answers are enough."""
        return math.ceil(self._seconds_to_stand) + AROUND_SECONDS if self.options.full else 0

    @property
    def _seconds_to_stand(self) -> float:
        """By the configuration as it will be: the plan itself may lengthen a fail_timeout."""
        after = self._known.snapshot
        for file in self._known.plan.files:
            after = after.with_file(file.change.path, file.change.after)
        return steadiness.seconds(after)

    @property
    def _confirm_within(self) -> int:
        """Where nobody said how long the host is to wait, the time of watching comes on top."""
        return self.options.confirm_within + (self._time_to_watch if self.options.extend else 0)

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
