"""How many workers a PHP-FPM pool may have: the arithmetic of pm.max_children, pure, and told line by line.

    cap      = min(MemTotal, cgroup limits)
    reserve  = max(256 MiB, 10 % of cap) + growth of MySQL and Redis
    budget   = min(MemAvailable + php_now - reserve, cgroup limit - reserve)
    shared   = max(0, OPcache + APCu + JIT - what of them is resident already)          once a master
    W        = p95 over warm workers of max(USS, VmHWM - RssFile - RssShmem), from 16 MiB to memory_limit + 16 MiB
    mem_max  = floor((budget - shared) / W)
    result   = max(1, min(mem_max, cores * per_core, database connections))

PSS says what PHP uses now, the peak of private memory what a worker can use; swap never counts. Several pools and PHP
versions share one budget in proportion to their load, at least two workers each. What the operator gives replaces its
whole term.

When the result is written, so that a second run finds nothing to do:

- *Exact* (`max_children`, or `process_mb` with `available_mb`): the result is the operator's figure, to the letter.
  The limits of cores, of 2x a run, of warmth and of database connections become warnings. Host and cgroup memory stay
  a refusal unless `available_mb` is given.
- *Raised* only for a pool that was found exhausted since its master last read its configuration, by more than 10 % and
  to at most twice the present value. The limit of 2x is one of a run, but the run after it raises again only if the
  pool is found exhausted anew.
- *Lowered* only for memory (where the operator gave `per_core`, for the cores too), and only by more than 10 % and by
  more than one worker: MemAvailable moves by some MiB from run to run, and the reserve of a tenth can bear that much.
  A value that could eat the reserve up is lowered without this tolerance (so a given reserve below it gives it up).
- *Advice* alone where fewer than three warm workers were seen: a raise then needs the operator's `process_mb`. Cold
  workers understate, so what they show as able to eat the reserve up, and what an OOM kill has shown, is lowered.
- Nothing is raised after a recent OOM kill or while a pool's workers wait for something else, whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from remediations.php.memory_budget import (
    Confidence,
    Machine,
    Master,
    Overrides,
    PoolUse,
    WorkerSample,
    growth_of_mysql,
    growth_of_redis,
)
from remediations.php.pool_limits import Limits, limits

__all__ = [
    "Confidence",
    "Machine",
    "Master",
    "Overrides",
    "PoolUse",
    "Sizing",
    "Spares",
    "WorkerSample",
    "growth_of_mysql",
    "growth_of_redis",
    "size",
    "spares",
]

_NOISE = 0.10


@dataclass(frozen=True)
class Spares:
    """The three values that go with a pm.max_children."""

    start_servers: int
    min_spare_servers: int
    max_spare_servers: int


@dataclass(frozen=True)
class Sizing:
    """The verdict on one pool. `max_children` is the value to be in force: `before` where nothing is to change.

    `formula` is what the arithmetic gives, None where no worker could be measured. `refusal` says why the operator's
    wish is not done, `advice` what would help and is not done by itself.
    """

    master: str
    pool: str
    before: int
    max_children: int
    formula: int | None
    arithmetic: tuple[str, ...]
    warnings: tuple[str, ...]
    advice: str | None
    refusal: str | None
    confidence: Confidence

    @property
    def changes(self) -> bool:
        return self.max_children != self.before

    @property
    def spares(self) -> Spares:
        return spares(self.max_children)


@dataclass(frozen=True)
class _Decision:
    target: int
    line: str
    warnings: tuple[str, ...] = ()
    advice: str | None = None
    refusal: str | None = None


def spares(max_children: int) -> Spares:
    """min 10 %, max 30 %, start halfway, within 1 <= min <= start <= max <= max_children, as PHP-FPM demands."""
    least = max(1, max_children // 10)
    most = min(max_children, max(least + 1, max_children * 3 // 10))
    return Spares(least + (most - least) // 2, least, most)


def size(machine: Machine, masters: Sequence[Master], overrides: Overrides | None = None) -> tuple[Sizing, ...]:
    """A verdict on every pool of every master, in their order."""
    given = overrides or Overrides()
    cases = limits(machine, masters, given)
    decisions = [_exact(case, cases) if given.exact else _measured(case) for case in cases]
    if not given.exact:
        decisions = _make_room(cases, decisions)
    return tuple(_sizing(case, one) for case, one in zip(cases, decisions, strict=True))


def _exact(case: Limits, cases: Sequence[Limits]) -> _Decision:
    """The operator has said what the value is to be."""
    given, before = case.overrides.max_children, case.pool.max_children
    target = case.formula or case.least
    line = f"max_children={given} (given)" if given is not None else f"max_children = mem_max = {target}"
    if target == before:
        return _Decision(before, f"{line}: in force already")
    warnings = _exceeded(case, target) + _too_small(case)
    if target > before and (refusal := _no_raise(case) or _too_big(case, cases, target)):
        return _Decision(before, f"{line}: refused", warnings, refusal=refusal)
    return _Decision(target, line, warnings)


def _exceeded(case: Limits, target: int) -> tuple[str, ...]:
    """The limits that hold for the toolkit, and that the operator's word is above."""
    before, found = case.pool.max_children, []
    if target > case.core_max:
        found.append(f"{target} workers are more than the cores bear by the rule of thumb ({case.core_max})")
    if case.database_max is not None and target > case.database_max:
        found.append(f"{target} workers are more than the database has connections for ({case.database_max})")
    if target > 2 * before:
        found.append(f"from {before} to {target} is more than twice in one run")
    if target > before and case.worker.confidence == "low":
        found.append(f"the need of a worker is not known well: {case.worker.line}")
    return tuple(found)


def _too_big(case: Limits, cases: Sequence[Limits], target: int) -> str | None:
    """Whether the memory of the host or of the cgroup is too small; available_mb is the operator's word on that."""
    if case.overrides.available_mb is not None:
        return None
    for room, _ in case.needs:
        need = sum(target * one.worker.at_least for one in cases if any(other is room for other, _ in one.needs))
        if need > room.mib:
            return f"{target} workers of {case.worker.at_least} MiB: needs {need} MiB, the host has {max(0, room.mib)}"
    return None


def _no_raise(case: Limits) -> str | None:
    if case.machine.recent_oom:
        return "not raised: the kernel killed for want of memory lately, and only a lower value can help"
    if case.pool.waiting:
        return "not raised: the workers wait for something else, and more of them would wait as well"
    return None


def _measured(case: Limits) -> _Decision:
    before, formula, safe = case.pool.max_children, case.formula, case.safe
    if formula is None or safe is None:
        return _Decision(
            before, f"{before} stays", advice="no worker could be measured: give process_mb, or ask again under load"
        )
    line = f"max_children = max({case.least}, min({case.terms})) = {formula}"
    if safe < before and _is_too_much(case, safe):
        return _lowered(case, line, safe)
    if formula > before * (1 + _NOISE):
        return _raised(case, line, formula)
    return _stays(case, line, formula)


def _is_too_much(case: Limits, safe: int) -> bool:
    """Whether the present values must come down: they could eat the reserve up, or are beyond the noise."""
    before = case.pool.max_children
    if any(need > room.physical for room, need in case.needs):
        return True
    if before - safe <= max(1, before * _NOISE):
        return False
    if case.worker.confidence == "low" and not case.machine.recent_oom:
        return False
    crowded = any(need > room.mib * (1 + _NOISE) for room, need in case.needs)
    return crowded or (case.overrides.per_core is not None and before > case.core_max)


def _lowered(case: Limits, line: str, safe: int) -> _Decision:
    room, need = max(case.needs, key=lambda one: one[1] - one[0].mib)
    reason = (
        f"all pools could take {need} MiB, there are {max(0, room.mib)}" if need > room.mib else "per_core is given"
    )
    return _Decision(safe, f"{line}; {case.pool.max_children} is lowered to {safe}: {reason}", _too_small(case))


def _too_small(case: Limits) -> tuple[str, ...]:
    if case.mem_max is not None and case.mem_max < case.least:
        return (f"the memory does not hold even {case.least} workers: free some, or add some",)
    return ()


def _raised(case: Limits, line: str, formula: int) -> _Decision:
    before = case.pool.max_children
    if case.pool.waiting:
        return _Decision(before, f"{line}; {before} stays", advice=_no_raise(case))
    if not case.pool.exhausted:
        asked = "give max_children, or available_mb with process_mb, to raise it without such a finding"
        advice = asked if case.overrides != Overrides() else None
        return _Decision(before, f"{line}; {before} stays: nothing shows that it is too small", advice=advice)
    if refusal := _no_raise(case):
        return _Decision(before, f"{line}; {before} stays", advice=refusal)
    target = min(formula, 2 * before)
    if case.worker.confidence == "low":
        advice = f"a raise to {target} may be right, but too few workers are warm to tell: give process_mb to have it"
        return _Decision(before, f"{line}; {before} stays", advice=advice)
    limit = ", twice the present value and no more in one run" if target < formula else ""
    return _Decision(target, f"{line}; {before} is raised to {target}{limit}")


def _stays(case: Limits, line: str, formula: int) -> _Decision:
    before = case.pool.max_children
    memory_is_fine = case.mem_max is not None and case.mem_max >= before
    if abs(before - formula) <= max(1, before * _NOISE):
        reason = "it lies within 10 % of it, or one worker: the noise of the arithmetic"
    elif memory_is_fine:
        reason = "memory holds it, and the rules for cores and database lower nothing by themselves"
    elif case.worker.confidence == "low":
        reason = "too few workers are warm to lower it"
    else:
        reason = "all pools together stay within the memory"
    warnings = _exceeded(case, before) if memory_is_fine else ()
    advice = f"the pool is exhausted, but the limits allow no more: {case.terms}" if case.pool.exhausted else None
    return _Decision(before, f"{line}; {before} stays: {reason}", warnings, advice)


def _make_room(cases: Sequence[Limits], decisions: Sequence[_Decision]) -> list[_Decision]:
    """Where a raise needs memory that another pool may take beyond its part, that pool goes back to its part.

    Where the room is too small all the same (two workers a pool are more than it holds), the raise is dropped.
    """
    found = list(decisions)
    for room in {id(room): room for case in cases for room, _ in case.needs}.values():
        members = [i for i, case in enumerate(cases) if any(one is room for one, _ in case.needs)]
        raised = [i for i in members if found[i].target > cases[i].pool.max_children]
        if raised and _need(cases, found, members) > room.mib:
            for i in set(members) - set(raised):
                found[i] = _back_to_its_part(cases[i], found[i])
            if _need(cases, found, members) > room.mib:
                for i in raised:
                    found[i] = _Decision(cases[i].pool.max_children, "no raise: there is no memory for it")
    return found


def _need(cases: Sequence[Limits], decisions: Sequence[_Decision], members: Sequence[int]) -> int:
    return sum(decisions[i].target * cases[i].worker.at_least for i in members)


def _back_to_its_part(case: Limits, decision: _Decision) -> _Decision:
    if case.safe is None or decision.target <= case.safe:
        return decision
    line = f"{decision.line}; lowered to its part, {case.safe}, for a pool that is exhausted"
    return replace(decision, target=case.safe, line=line)


def _sizing(case: Limits, decision: _Decision) -> Sizing:
    warnings = decision.warnings
    total = sum(one.max_children for one in case.master.pools) - case.pool.max_children + decision.target
    if 0 < case.master.process_max < total:
        warnings += (f"process.max = {case.master.process_max} in [global] holds all pools together below that",)
    return Sizing(
        master=case.master.name,
        pool=case.pool.name,
        before=case.pool.max_children,
        max_children=decision.target,
        formula=case.formula,
        arithmetic=(*case.lines, decision.line),
        warnings=warnings,
        advice=decision.advice,
        refusal=decision.refusal,
        confidence=case.worker.confidence,
    )
