"""Sizes PHP-FPM's pools by memory: pm.max_children, and the spare servers that go with it, as one batch.

Reach for it where a pool is exhausted (requests wait or are refused while all workers are busy), where PHP-FPM was
killed for want of memory, or with the operator's own figures: process_mb=50 and available_mb=2000 make 40. The formula
and its safeguards stand in remediations/sizing.py; the plan tells the arithmetic line by line.

All pools of all PHP-FPMs that run share one budget. Without figures of the operator only a pool that was found
exhausted is raised, to at most twice its value in one run; the other pools stay, unless all together could take more
memory than there is: then they come down to their part. The operator's figures (max_children, or process_mb with
available_mb) hold for every chosen pool, whoever calls: available_mb is then the budget of the chosen pools together,
shared in proportion to their present pm.max_children.

It never changes `pm` itself, never restarts (a reload makes PHP-FPM read its files) and never starts a PHP-FPM that is
down. It never edits a configuration that does not validate, nor a value that only PHP can evaluate. It raises nothing
within a day of an OOM kill. It cannot tell whether workers wait for a database: if they do, more of them do not help.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations import php_memory, php_pools, sizing
from remediations.changes import php_fpm
from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.editors.php_fpm import PmValues
from remediations.errors import EditError
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.php_pools import PoolAt
from remediations.plan import Proposal
from remediations.sizing import Sizing
from remediations.snapshot import FpmVersion, Snapshot

ID = "tune-max-children"
_MOST_MIB = 64 << 20


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
        metadata={"help": "what one worker needs, instead of measuring it", "unit": "MiB", "min": 1, "max": _MOST_MIB},
    )
    available_mb: int | None = field(
        default=None,
        metadata={
            "help": "what all workers together may take, any reserve already taken off",
            "unit": "MiB",
            "min": 1,
            "max": _MOST_MIB,
        },
    )
    reserve: int | str | None = field(
        default=None,
        metadata={
            "help": "what is kept free, in MiB or as 20% of the memory, instead of max(256, 10 %)",
            "min": 0,
            "max": _MOST_MIB,
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
        refusals = (*self._unknown_names(every), *_forbidden(snapshot, chosen))
        if refusals:
            return Proposal(refusals=refusals)
        members = chosen if self.overrides.exact else _sharing(every, chosen)
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
        self,
        snapshot: Snapshot,
        findings: Sequence[Finding],
        chosen: Sequence[PoolAt],
        members: Sequence[PoolAt],
    ) -> Proposal:
        masters = php_memory.masters(snapshot, members, findings, self.overrides)
        judged = list(zip(members, sizing.size(php_memory.machine(snapshot), masters, self.overrides), strict=True))
        wanted = [(at, _values(one)) for at, one in judged if at in chosen and one.changes]
        try:
            files = php_fpm.edited(snapshot, ID, wanted)
        except EditError as error:
            return Proposal(refusals=(str(error),))
        return Proposal(
            files=files,
            actions=tuple(_reloads(snapshot, [at for at, _ in wanted], files)),
            notes=tuple(_notes(judged)),
            warnings=tuple(f"{_label(at, members)}{text}" for at, one in judged for text in one.warnings),
            refusals=tuple(
                f"{_label(at, members)}{text}" for at, one in judged for text in (one.refusal, one.advice) if text
            ),
        )


def _forbidden(snapshot: Snapshot, chosen: Sequence[PoolAt]) -> Iterator[str]:
    """What forbids to edit the chosen pools, each thing once."""
    yield from dict.fromkeys(text for at in chosen if (text := php_fpm.refusal(snapshot, at.version)))
    for at in chosen:
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


def _values(one: Sizing) -> PmValues:
    spares = one.spares
    return PmValues(one.max_children, spares.start_servers, spares.min_spare_servers, spares.max_spare_servers)


def _reloads(snapshot: Snapshot, changed: Sequence[PoolAt], files: Sequence[FileChange]) -> Iterator[UnitAction]:
    """One reload a PHP-FPM that has a changed pool."""
    versions: dict[int, FpmVersion] = {id(at.version): at.version for at in changed}
    for version in versions.values():
        own = {snapshot.files[path].real_path for path in version.config.read}
        reason = f"to read {', '.join(file.path for file in files if file.path in own)}"
        yield from php_fpm.reload(snapshot, ID, version, reason)


def _notes(judged: Sequence[tuple[PoolAt, Sizing]]) -> Iterator[str]:
    """The arithmetic: what all pools have in common first, then each pool's own lines."""
    members = [at for at, _ in judged]
    common = [line for line in judged[0][1].arithmetic if all(line in one.arithmetic for _, one in judged)]
    shared = common if len(judged) > 1 else []
    yield from shared
    for at, one in judged:
        yield from (f"{_label(at, members)}{line}" for line in one.arithmetic if line not in shared)


def _label(at: PoolAt, members: Sequence[PoolAt]) -> str:
    """How to call a pool among these; nothing where it is the only one."""
    if len(members) == 1:
        return ""
    alone = sum(other.pool.name == at.pool.name for other in members) == 1
    return f"[{at.pool.name if alone else at.subject}] "
