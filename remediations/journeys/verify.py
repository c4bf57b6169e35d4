"""The journey of `verify`, the gate after a deploy: a site that is good must also stay so for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace

from remediations import diagnosis, origin, steadiness, vigil
from remediations.result import HostResult, Status
from remediations.runner import Journey
from remediations.steadiness import Check, Window


@dataclass
class Verifying(Journey):
    """`window` is for how many seconds it is watched; None: as the host calls for; 0: one look is enough."""

    window: float | None = None

    def _look(self) -> HostResult:
        looked = super()._look()
        seconds = steadiness.seconds(self._known.snapshot) if self.window is None else self.window
        if looked.status != "ok" or not seconds:
            return self._seen(replace(looked, checks=(self._first_check,)))
        self._say(f"watching it for {seconds:g} s")
        kept = self._timed("watch", lambda: vigil.keep(self.shell, self._known.snapshot, seconds, self._gathered))
        return self._seen(self._judge(kept))

    @property
    def _first_check(self) -> Check:
        return Check("answers", self._known.health.ok, self._known.health.summary)

    def _seen(self, result: HostResult) -> HostResult:
        """With a --url visitors must get a good answer, too."""
        outside = self._known.snapshot.outside
        if outside is None:
            return result
        bad = origin.complaint(outside) or outside.untrusted
        text = origin.compared(self._known.snapshot, outside)
        checks = (*result.checks, Check("outside", not bad, text))
        result = replace(result, checks=checks, notes=tuple(note for note in result.notes if note[0] != "outside"))
        if not bad or result.status != "ok":
            return result
        return replace(
            result, status="failed", error=f"{self.target.name}: it did not stand: outside: {outside.url}: {bad}"
        )

    def _judge(self, kept: Window) -> HostResult:
        """Findings are those of the fault within that time, be it over or not."""
        findings = diagnosis.diagnose(replace(kept.after, answers=kept.answers))
        self.survey = replace(self._known, snapshot=kept.after, health=kept.health, findings=findings)
        result, checks = self._surveyed(), kept.checks
        unmade = tuple(f"not checked: {check.name}: {check.text}" for check in checks if check.ok is None)
        result = replace(result, checks=checks, warnings=(*result.warnings, *unmade))
        if not (bad := steadiness.failed(checks)):
            return result
        named = any(finding.cause != "unknown" for finding in findings)
        status: Status = "failed" if named else "undiagnosed"
        return replace(result, status=status, error=f"{self.target.name}: it did not stand: {bad.name}: {bad.text}")
