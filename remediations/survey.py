"""The survey of one host: what is known before anything is changed, what may be done, and what to call it."""

from __future__ import annotations

from dataclasses import dataclass

from remediations import diagnosis, hearing, origin
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.health import Health
from remediations.plan import Plan
from remediations.proof import Proof
from remediations.result import HostResult, Status, changes_of
from remediations.snapshot import Snapshot


@dataclass(frozen=True)
class Survey:
    """Everything that is known of a host before anything is changed."""

    snapshot: Snapshot
    health: Health
    findings: tuple[Finding, ...]
    plan: Plan
    proof: Proof | None
    remarks: tuple[str, ...] = ()
    """What happened on the way here and a person should know."""

    def result(self, *, diagnose_only: bool) -> HostResult:
        """What a dry run reports."""
        status = self._status(diagnose_only)
        return HostResult(
            host=self.snapshot.host,
            status=status,
            before=self.health,
            findings=self.findings,
            changes=changes_of(self.plan),
            notes=(*self.plan.notes, *self._seen_outside),
            warnings=self._warnings,
            proof=self.proof,
            plan=None if self.plan.empty else self.plan.sha256,
            error=f"{self.snapshot.host}: {self.health.summary}" if status == "unknown" else None,
        )

    def refusal(
        self, *, only_plan: str | None, require_proof: bool, blind: bool = False, asked: bool = False
    ) -> str | None:
        """Why this plan may not be applied, known before anything is touched; `only_plan` is a plan's first digits.

        With `blind` it may be where nobody can tell whether the site is good. Where somebody has `asked` for just these
        remediations, that all of them refuse is no good end.
        """
        name, plan, proven = self.snapshot.host, self.plan, self.proof
        if plan.empty:
            return f"{name}: {'; '.join(plan.refusals)}" if asked and plan.refusals and self.health.ok else None
        if not self.snapshot.machine.root:
            return f"{name}: not root there, so nothing can be changed; log in as root or allow sudo"
        if only_plan and not plan.sha256.startswith(only_plan):
            return f"{name}: the plan is now {plan.sha256[:16]}, not the reviewed {only_plan[:16]}"
        if proven and proven.failed:
            return f"{name}: {proven.failed.name} does not accept the planned change: {proven.failed.output}"
        if proven and not proven.proven and require_proof:
            return f"{name}: the plan is not proven ({proven.reason}) and --require-proof forbids to apply it"
        if self.health.ok is None and not blind:
            return f"{name}: the site's health cannot be told ({self.health.summary}), so no change could be verified"
        return None

    @property
    def baseline_valid(self) -> bool:
        """Whether the configuration that stands now validates; where it does not, an undo must not reload it."""
        verdicts = self.snapshot.verdicts
        return isinstance(verdicts, Unknown) or all(verdict.ok or not verdict.fatal for verdict in verdicts)

    @property
    def unproven(self) -> bool:
        """Whether files change that no validator could be asked about in private."""
        return self.proof is not None and self.proof.reason is not None

    def cured(self, now: tuple[Finding, ...]) -> bool:
        """Whether the plan answered findings, and none of them is there any more."""
        answered = {(one.cause, one.subject) for one in self.findings if self._answers(one)}
        return bool(answered) and not answered & {(one.cause, one.subject) for one in now}

    def _answers(self, finding: Finding) -> bool:
        """Whether the plan is to cure this: the right remediation, and not a unit that it refused to touch."""
        subject = finding.subject
        if finding.remediation not in self.plan.remediations:
            return False
        acted = any(action.unit == subject for action in self.plan.actions)
        written = any(f"/{subject}.d/" in file.change.path for file in self.plan.files)
        return acted or written or self.snapshot.unit(subject) is None

    def _status(self, diagnose_only: bool) -> Status:
        named = any(finding.cause != "unknown" for finding in self.findings)
        if diagnose_only and named:
            return "diagnosed"
        if not self.plan.empty:
            return "planned"
        if self.health.ok:
            return "ok"
        if self.health.ok is None:
            return "unknown"
        return "failed" if named else "undiagnosed"

    @property
    def _seen_outside(self) -> tuple[tuple[str, str], ...]:
        seen = self.snapshot.outside
        return (("outside", origin.compared(self.snapshot, seen)),) if seen else ()

    @property
    def _warnings(self) -> tuple[str, ...]:
        refused = (f"refused: {text}" for text in self.plan.refusals)
        said = [*self.remarks, *_open_run(self.snapshot), *self.plan.warnings, *refused]
        if self.proof and self.proof.reason:
            said.append(f"the plan is not proven: {self.proof.reason}")
        said += hearing.gaps(self.snapshot)
        blind = diagnosis.blind_spots(self.snapshot)
        return tuple([*said, blind] if blind else said)


def _open_run(snapshot: Snapshot) -> tuple[str, ...]:
    """Another run of this toolkit that has not ended: what is read here may be half of its change."""
    run, name = snapshot.open_run, snapshot.host
    if isinstance(run, Unknown):
        return ()
    if run.holder:
        return (f"another run is at work on this host: {run.holder}",)
    if run.interrupted:
        return (f"run {run.run} was cut off in {run.state}; the next run ends it, or: invoke recover --host {name}",)
    return ()
