"""The verdict of the sizing on one pool, as remediations use it: what to write, and what to say about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from remediations.changes import php_fpm
from remediations.editors.php_fpm import PmValues, pm_settings
from remediations.errors import EditError
from remediations.findings import Finding
from remediations.php import pools as php_pools
from remediations.php.pools import PoolAt
from remediations.php.sizing import Sizing
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

MOST_MIB = 64 << 20
PROCESS_MB = {"help": "what one worker needs, instead of measuring it", "unit": "MiB", "min": 1, "max": MOST_MIB}
AVAILABLE_MB = {
    "help": "what all workers together may take, any reserve already taken off",
    "unit": "MiB",
    "min": 1,
    "max": MOST_MIB,
}
"""The metadata of the parameters that the sizings share."""


@dataclass(frozen=True)
class Verdict:
    """`label` calls the pool where there are several; `exhausted`: a finding says so.

    `chosen` pools may be changed. `crowded_by` names a pool that is not chosen and would have to come down first.
    """

    at: PoolAt
    sizing: Sizing
    label: str
    chosen: bool
    exhausted: bool
    crowded_by: str | None = None

    @property
    def raised(self) -> bool:
        return self.changed and self.sizing.max_children > self.sizing.before

    @property
    def lowered(self) -> bool:
        return self.sizing.max_children < self.sizing.before

    @property
    def changed(self) -> bool:
        """Whether the pool gets another value; never a higher one at the cost of a pool that is not chosen."""
        return self.chosen and self.sizing.changes and (self.lowered or not self.crowded_by)

    @property
    def values(self) -> PmValues:
        spares = self.sizing.spares
        return PmValues(
            self.sizing.max_children, spares.start_servers, spares.min_spare_servers, spares.max_spare_servers
        )

    def notes(self) -> Iterator[str]:
        yield from self.sizing.arithmetic
        if self.changed and self.at.pool.pm.value == "dynamic":
            values = self.values
            yield (
                f"spare servers: min = {values.min_spare_servers} (10 %), max = {values.max_spare_servers} (30 %), "
                f"start = {values.start_servers} (halfway)"
            )

    def warnings(self) -> Iterator[str]:
        if not self.chosen:
            if self.lowered:
                yield f"it should come down to {self.sizing.max_children}, but it is not among the pools of this run"
            return
        yield from self.sizing.warnings
        if self.sizing.advice and not self._needs_a_person:
            yield self.sizing.advice

    def refusals(self) -> Iterator[str]:
        if not self.chosen:
            return
        if self.sizing.refusal:
            yield self.sizing.refusal
        if self.sizing.advice and self._needs_a_person:
            yield self.sizing.advice
        if self.crowded_by and self.sizing.max_children > self.sizing.before:
            yield f"not raised: {self.crowded_by} would have to come down, and it is not among the pools of this run"

    @property
    def _needs_a_person(self) -> bool:
        """Whether advice is all that is left for a pool that needs something, or for which nothing can be told."""
        return self.exhausted or self.sizing.formula is None


def verdicts(
    members: Sequence[PoolAt], judged: Sequence[Sizing], chosen: Sequence[PoolAt], findings: Sequence[Finding]
) -> tuple[Verdict, ...]:
    """One for each pool of the budget, in their order."""
    found = tuple(
        Verdict(at, one, _label(at, members), at in chosen, php_pools.found_exhausted(findings, at) is not None)
        for at, one in zip(members, judged, strict=True)
    )
    crowding = next((one.label.strip() for one in found if not one.chosen and one.lowered), None)
    return tuple(replace(one, crowded_by=crowding) for one in found)


def all_notes(found: Sequence[Verdict]) -> tuple[str, ...]:
    """The arithmetic: the budget that all pools share once, then each pool's own lines."""
    common = tuple(_common(found)) if len(found) > 1 else ()
    own = (f"{one.label}{line}" for one in found for line in tuple(one.notes())[len(common) :])
    return (*common, *own)


def _common(found: Sequence[Verdict]) -> Iterator[str]:
    """The first lines, as long as they are the same for all pools and speak of none of them."""
    for lines in zip(*(one.sizing.arithmetic for one in found), strict=False):
        if len(set(lines)) > 1 or lines[0].startswith(("mem_max", "max_children")):
            return
        yield lines[0]


def _label(at: PoolAt, members: Sequence[PoolAt]) -> str:
    """How to call a pool among these; nothing where it is the only one."""
    if len(members) == 1:
        return ""
    alone = sum(other.pool.name == at.pool.name for other in members) == 1
    return f"[{at.pool.name if alone else at.subject}] "


def batch(snapshot: Snapshot, remediation: str, found: Sequence[Verdict]) -> Proposal:
    """What these verdicts want written, and the reloads that make PHP-FPM read it; a refusal where it cannot be."""
    try:
        files = php_fpm.edited(snapshot, remediation, [(one.at, pm_settings(one.at.pool, one.values)) for one in found])
    except EditError as error:
        return Proposal(refusals=(str(error),))
    versions = tuple({one.at.version.fpm.main: one.at.version for one in found}.values())
    reloads = tuple(php_fpm.reloads(snapshot, remediation, versions, files))
    return Proposal(files=files, actions=reloads, warnings=tuple(php_fpm.cut_requests(versions)))
