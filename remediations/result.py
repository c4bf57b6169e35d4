"""The result for one host: its status, what was found, what would change or stands, and the exit code of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from remediations import masking
from remediations.changes.file import FileChange, text_of
from remediations.facts.runs import Runs
from remediations.findings import Finding
from remediations.health import Health
from remediations.plan import Plan
from remediations.proof import Proof
from remediations.steadiness import Check

Status = Literal[
    "ok", "diagnosed", "planned", "changed", "failed", "rolled_back", "refused", "needs_human", "unknown",
    "unreachable", "locked", "undiagnosed", "declined",
]  # fmt: skip

EXIT_CODES: dict[Status, int] = {
    "ok": 0, "diagnosed": 0, "planned": 0, "changed": 0, "failed": 3, "rolled_back": 3, "refused": 3,
    "needs_human": 3, "unknown": 3, "unreachable": 4, "locked": 5, "undiagnosed": 3, "declined": 1,
}  # fmt: skip
PENDING_OR_MADE: tuple[Status, ...] = ("planned", "changed")
SEVERITY = (70, 1, 4, 3, 5, 2, 0)
"""The worst of all hosts wins; a bug of ours before all."""


@dataclass(frozen=True)
class Change:
    """One change as a report shows it; `action`: create, edit, delete, start, restart, reload, daemon-reload."""

    remediations: tuple[str, ...]
    kind: Literal["unit", "file", "command"]
    target: str
    action: str
    diff: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Held:
    """The changes of `run` stand, but the host undoes them unless a person confirms within `seconds` (`--hold`)."""

    run: str
    seconds: int


@dataclass(frozen=True)
class HostResult:
    """`changes`: in a dry run what would be done, otherwise only what stands on the host now."""

    host: str
    status: Status
    before: Health | None = None
    after: Health | None = None
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    undone: tuple[Change, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    proof: Proof | None = None
    plan: str | None = None
    error: str | None = None
    restore: str | None = None
    undo: str | None = None
    """The run whose files stand: what `undo --run` takes back."""
    held: Held | None = None
    history: Runs | None = None
    checks: tuple[Check, ...] = ()
    """What was looked at to believe that the site stands: by `verify`, and by `--verify full`."""
    seconds: dict[str, float] = field(default_factory=dict, hash=False)
    bug: bool = False
    """Whether this program failed, not the host."""

    def exit_code(self, *, detailed: bool) -> int:
        if self.bug:
            return 70
        if detailed and self.status in PENDING_OR_MADE:
            return 2
        if detailed and self.status == "diagnosed":
            return 3
        return EXIT_CODES[self.status]


def worst(codes: Iterable[int]) -> int:
    """The exit code of a run over several hosts."""
    found = set(codes)
    return next((code for code in SEVERITY if code in found), 0)


def changes_of(plan: Plan) -> tuple[Change, ...]:
    """A plan as changes, files first; secrets in diffs are masked here, where the whole files are known."""
    files = (
        Change(file.remediations, "file", file.change.path, file.change.action, _masked_diff(file.change))
        for file in plan.files
    )
    units = (Change((one.remediation,), "unit", one.target, one.action, None, one.reason) for one in plan.actions)
    return (*files, *units)


def _masked_diff(change: FileChange) -> str:
    before, after = (text_of(data) for data in (change.before.data if change.before else b"", change.after or b""))
    return masking.diff(change.diff(), before, after)
