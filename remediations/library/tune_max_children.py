"""Sizes PHP-FPM's pools by memory: pm.max_children, and the spare servers that go with it, as one batch.

Reach for it where a pool is exhausted (requests wait or are refused while all workers are busy), where PHP-FPM was
killed for want of memory, or with the operator's own figures: process_mb=50 and available_mb=2000 make 40. The formula
and its safeguards stand in remediations/php/sizing.py; the plan tells the arithmetic line by line.

All pools of all PHP-FPMs that run share one budget. Without figures of the operator only a pool that was found
exhausted is raised, to at most twice its value in one run; the other pools stay, unless all together could take more
memory than there is: then they come down to their part. The operator's figures (max_children, or process_mb with
available_mb) hold for every chosen pool, whoever calls: available_mb is then the budget of the chosen pools together,
shared in proportion to their present pm.max_children.

It never changes `pm` itself, never restarts (a reload makes PHP-FPM read its files) and never starts a PHP-FPM that is
down. It never edits a configuration that does not validate, nor a value that only PHP can evaluate. It raises nothing
within a day of an OOM kill, nor a pool whose workers were found to wait for something else (pool-blocked).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from remediations.changes import php_fpm
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.library._pool_verdict import AVAILABLE_MB, MOST_MIB, PROCESS_MB, Verdict, all_notes, batch, verdicts
from remediations.php import memory as php_memory
from remediations.php import pools as php_pools
from remediations.php import sizing
from remediations.php.pools import PoolAt
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "tune-max-children"


@dataclass(frozen=True)
class TuneMaxChildren:
    """What is given replaces its whole term of the formula; `pools` empty: those that nginx passes to, or all."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    pools: tuple[str, ...] = field(
        default=(),
        metadata={"help": "the pools to size, as www or 8.2:www; empty: those that nginx passes to, or all"},
    )
    process_mb: int | None = field(
        default=None,
        metadata=PROCESS_MB,
    )
    available_mb: int | None = field(
        default=None,
        metadata=AVAILABLE_MB,
    )
    reserve: int | str | None = field(
        default=None,
        metadata={
            "help": "what is kept free, in MiB or as 20% of the memory, instead of max(256, 10 %)",
            "min": 0,
            "max": MOST_MIB,
            "pattern": r"\d{1,2} ?%",
        },
    )
    max_children: int | None = field(
        default=None, metadata={"help": "the result itself, for every chosen pool", "min": 1, "max": 100_000}
    )
    per_core: int | None = field(
        default=None,
        metadata={
            "help": "workers that one core bears: 2 to 4 where PHP computes, 8 to 12 where it waits; 4 if not given",
            "min": 1,
            "max": 1000,
        },
    )

    @property
    def overrides(self) -> sizing.Overrides:
        return sizing.Overrides(
            process_mb=self.process_mb,
            available_mb=self.available_mb,
            reserve=self.reserve,
            max_children=self.max_children,
            per_core=self.per_core,
        )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        versions = snapshot.fpm_versions
        if isinstance(versions, Unknown):
            return Proposal(refusals=(f"PHP-FPM's configuration is not known: {versions.reason}",))
        every = php_pools.every(versions)
        if not every:
            return Proposal(refusals=("there is no PHP-FPM on this host",))
        chosen = self._chosen(snapshot, findings, every)
        members = chosen if self.overrides.exact else _sharing(every, chosen)
        refusals = (*self._unknown_names(every), *_forbidden(snapshot, chosen), *_expressions(members))
        if refusals:
            return Proposal(refusals=refusals)
        unmeasured = php_memory.unmeasured(snapshot, [at.version for at in members])
        if unmeasured and not self.overrides.exact:
            return Proposal(refusals=(f"{unmeasured}; give process_mb and available_mb, or max_children",))
        return self._propose(snapshot, findings, chosen, members)

    def _chosen(self, snapshot: Snapshot, findings: Sequence[Finding], every: Sequence[PoolAt]) -> tuple[PoolAt, ...]:
        if self.pools:
            return tuple(at for at in every if any(at.named(name) for name in self.pools))
        passed = php_pools.passed_to(snapshot, every)
        found = tuple(at for at in every if at in passed or php_pools.found_exhausted(findings, at))
        return found if passed else tuple(every)

    def _unknown_names(self, every: Sequence[PoolAt]) -> Iterator[str]:
        for name in self.pools:
            if not any(at.named(name) for at in every):
                yield f"there is no pool {name}; there are: {', '.join(at.subject for at in every)}"

    def _propose(
        self, snapshot: Snapshot, findings: Sequence[Finding], chosen: Sequence[PoolAt], members: Sequence[PoolAt]
    ) -> Proposal:
        masters = php_memory.masters(snapshot, members, findings, self.overrides)
        judged = sizing.size(php_memory.machine(snapshot, findings), masters, self.overrides)
        found = verdicts(members, judged, chosen, findings)
        changed = [one for one in found if one.changed]
        proposal = batch(snapshot, ID, changed)
        if proposal.refusals:
            return proposal
        return replace(
            proposal,
            notes=(*all_notes(found), *(f"an OOM kill lately: {text}" for text in php_memory.oom_kills(snapshot))),
            warnings=(
                *(f"{one.label}{text}" for one in found for text in one.warnings()),
                *self._blind_spots(snapshot, found),
                *proposal.warnings,
            ),
            refusals=tuple(f"{one.label}{text}" for one in found for text in one.refusals()),
        )

    def _blind_spots(self, snapshot: Snapshot, found: Sequence[Verdict]) -> Iterator[str]:
        """What could not be seen and matters to what is done."""
        unmeasured = php_memory.unmeasured(snapshot, [one.at.version for one in found])
        if unmeasured and self.available_mb is None:
            yield f"what PHP-FPM takes now is left out of the budget: {unmeasured}"
        if self.available_mb is None:
            for text in php_memory.unknown_growth(snapshot):
                yield f"how much a database may yet take is not in the budget ({text}): raise `reserve` by that much"
        if isinstance(snapshot.journal, Unknown) and any(one.raised for one in found):
            yield f"whether the kernel killed for want of memory lately is not known: {snapshot.journal.reason}"


def _forbidden(snapshot: Snapshot, chosen: Sequence[PoolAt]) -> Iterator[str]:
    """What forbids to edit the chosen pools, each thing once."""
    yield from dict.fromkeys(text for at in chosen if (text := php_fpm.refusal(snapshot, at.version)))


def _expressions(members: Sequence[PoolAt]) -> Iterator[str]:
    """Values that are not known: such a pool cannot be edited, nor counted in a budget."""
    for at in members:
        setting = at.pool.max_children
        if not setting.known and setting.source:
            yield (
                f"{setting.source.file}:{setting.source.line}: pm.max_children of pool {at.pool.name} is an expression "
                "that only PHP can evaluate: change it there"
            )


def _sharing(every: Sequence[PoolAt], chosen: Sequence[PoolAt]) -> tuple[PoolAt, ...]:
    """The pools that share the memory: all of each PHP-FPM that runs or has a chosen pool."""
    mains = {at.version.fpm.main for at in chosen}
    return tuple(at for at in every if at.version.fpm.master is not None or at.version.fpm.main in mains)
