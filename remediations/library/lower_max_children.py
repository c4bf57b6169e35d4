"""Lowers pm.max_children to what the memory holds, after the kernel has killed workers of PHP-FPM for want of it.

Reach for it where PHP-FPM's log and the kernel say that workers were killed (worker-oom). A worker is taken to need
what the killed ones held, or what the living ones show at their peak, whichever is more; the rest is the arithmetic of
tune-max-children. The spare servers follow in the same batch, and PHP-FPM is reloaded.

It never raises a value, whatever the arithmetic says, and never acts where no worker was killed within a day. It mends
no leak: where all workers fit by the arithmetic, or not even one does, it says so and leaves the rest to a person. A
limit of a cgroup that cannot be read on the host is not in the arithmetic: give `available_mb` for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from remediations.changes import php_fpm
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.library._pool_verdict import AVAILABLE_MB, PROCESS_MB, Verdict, all_notes, batch, verdicts
from remediations.php import memory as php_memory
from remediations.php import pools as php_pools
from remediations.php import sizing
from remediations.php.pools import PoolAt
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "lower-max-children"


@dataclass(frozen=True)
class LowerMaxChildren:
    """What is given replaces its whole term of the formula, as for tune-max-children."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    process_mb: int | None = field(
        default=None,
        metadata=PROCESS_MB,
    )
    available_mb: int | None = field(
        default=None,
        metadata=AVAILABLE_MB,
    )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        versions = snapshot.fpm_versions
        if isinstance(versions, Unknown):
            return Proposal(refusals=(f"PHP-FPM's configuration is not known: {versions.reason}",))
        running = [at for at in php_pools.every(versions) if at.version.fpm.master is not None]
        chosen = _chosen(running, findings)
        if not chosen or not php_memory.machine(snapshot, findings).recent_oom:
            return Proposal(notes=("no worker of a PHP-FPM that runs was killed for want of memory within a day",))
        unmeasured = php_memory.unmeasured(snapshot, [at.version for at in running])
        refusals = dict.fromkeys(text for at in chosen if (text := php_fpm.refusal(snapshot, at.version)))
        if refusals or unmeasured:
            return Proposal(refusals=(*refusals, *([unmeasured] if unmeasured else [])))
        return self._propose(snapshot, findings, running, chosen)

    def _propose(
        self, snapshot: Snapshot, findings: Sequence[Finding], members: Sequence[PoolAt], chosen: Sequence[PoolAt]
    ) -> Proposal:
        given = sizing.Overrides(process_mb=self.process_mb, available_mb=self.available_mb)
        masters = php_memory.masters(snapshot, members, findings, given)
        held = {at.subject: php_memory.killed_bytes(snapshot, at, findings) for at in chosen}
        judged = sizing.size(php_memory.machine(snapshot, findings), _with_killed(masters, held), given)
        found = verdicts(members, judged, chosen, findings)
        named, fitting = any(one.remediation == ID for one in findings), tuple(_fitting(found))
        lowered = [one for one in found if one.chosen and one.lowered]
        proposal = batch(snapshot, ID, lowered)
        if proposal.refusals:
            return proposal
        return replace(
            proposal,
            notes=(*all_notes(found), *(() if named else fitting)),
            warnings=(*(f"{one.label}{text}" for one in lowered for text in one.sizing.warnings), *proposal.warnings),
            refusals=fitting if named else (),
        )


def _with_killed(masters: Sequence[sizing.Master], held: Mapping[str, int]) -> tuple[sizing.Master, ...]:
    """The same, whose workers need at least what those held that were killed."""
    return tuple(
        replace(
            one, pools=tuple(replace(pool, killed=held.get(f"{one.name}:{pool.name}", 0)) for pool in one.pools)
        )
        for one in masters
    )  # fmt: skip


def _chosen(running: Sequence[PoolAt], findings: Sequence[Finding]) -> list[PoolAt]:
    """The pools whose workers were killed; where nobody says whose, all of them."""
    named = {finding.subject for finding in findings if finding.remediation == ID}
    return [at for at in running if at.subject in named] if named else list(running)


def _fitting(found: Sequence[Verdict]) -> Iterator[str]:
    """The pools that are not lowered, though a worker of theirs was killed."""
    for one in found:
        if one.chosen and not one.lowered:
            before, holds = one.sizing.before, one.sizing.formula
            yield (
                f"{one.label}pm.max_children = {before} stays: by the arithmetic the memory holds "
                f"{'it' if holds is None or holds >= before else holds}. Something else takes it, or grows: a leak, "
                f"another program, the limit of a cgroup; for that: --set {ID}.available_mb=MIB"
            )
