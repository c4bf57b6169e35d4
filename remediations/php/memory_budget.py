"""How much memory PHP-FPM's workers may take on a host, and how much one of them needs: the terms of the sizing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from remediations.errors import UsageError

MIB = 1024 * 1024
SMALLEST_WORKER, _SMALLEST_RESERVE = 16, 256
_WARM_REQUESTS, _WARM_SECONDS, _WARM_SAMPLES = 20, 600, 3

Confidence = Literal["given", "measured", "low"]


@dataclass(frozen=True)
class WorkerSample:
    """One worker as /proc shows it: bytes and seconds; `requests` is None where nothing counts them."""

    uss: int
    hwm: int
    rss_file: int
    rss_shmem: int
    requests: int | None
    uptime: float

    @property
    def peak(self) -> int:
        """The private memory that the worker needed at its worst; at idle PHP has given most of it back."""
        return max(self.uss, self.hwm - self.rss_file - self.rss_shmem)

    @property
    def warm(self) -> bool:
        return (self.requests or 0) >= _WARM_REQUESTS or self.uptime >= _WARM_SECONDS


@dataclass(frozen=True)
class PoolUse:
    """A pool as it is; memory_limit in bytes, -1 for none.

    `killed` is what a worker held in bytes as the kernel killed it for want of memory, 0 where that is not known.
    `load` weighs it against other pools and should move slowly, such as its peak of active workers. `exhausted` means:
    found so since its master last read its configuration.
    """

    name: str
    max_children: int
    load: float = 1.0
    samples: tuple[WorkerSample, ...] = ()
    memory_limit: int = -1
    exhausted: bool = False
    waiting: bool = False
    killed: int = 0


@dataclass(frozen=True)
class Master:
    """One PHP-FPM with its pools, sizes in bytes.

    `pss` is the sum over all its processes; `cgroup_limits` are those of its unit's cgroup and of all ancestors;
    opcache, apcu and jit are the sizes set in php.ini, `resident_shmem` what of them is in memory already.
    `process_max` is the limit over all pools, 0 for none.
    """

    name: str
    pools: tuple[PoolUse, ...]
    pss: int = 0
    cgroup_limits: tuple[int, ...] = ()
    opcache: int = 0
    apcu: int = 0
    jit: int = 0
    resident_shmem: int = 0
    process_max: int = 0


@dataclass(frozen=True)
class Machine:
    """The host, sizes in bytes.

    `database_connections` is how many the workers may hold together: max_connections less what others hold; None
    where that is not known.
    """

    mem_total: int
    mem_available: int
    cores: int
    mysql_growth: int = 0
    redis_growth: int = 0
    database_connections: int | None = None
    recent_oom: bool = False


@dataclass(frozen=True)
class Overrides:
    """What the operator gives, in MiB; `reserve` may be a percentage of cap, such as "20%"."""

    process_mb: int | None = None
    available_mb: int | None = None
    reserve: int | str | None = None
    max_children: int | None = None
    per_core: int | None = None

    def __post_init__(self) -> None:
        for name in ("process_mb", "available_mb", "max_children", "per_core"):
            value: int | None = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name}: {value} is below 1")
        if isinstance(self.reserve, str) and not re.fullmatch(r"\d{1,2} ?%", self.reserve):
            raise UsageError(f"reserve: {self.reserve!r} is neither a number of MiB nor a percentage such as 20%")
        if isinstance(self.reserve, int) and self.reserve < 0:
            raise UsageError(f"reserve: {self.reserve} MiB is below 0")

    @property
    def exact(self) -> bool:
        """Whether the operator has said the result, or all that it follows from."""
        return self.max_children is not None or (self.process_mb is not None and self.available_mb is not None)


@dataclass(frozen=True)
class Room:
    """MiB for workers; `physical` is what there would be without any reserve (of a figure that the operator gave, with
    a tenth on top, since his own reserve is off already); `lines` is the arithmetic."""

    mib: int
    physical: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class WorkerSize:
    """MiB that one worker may need, None where no worker could be measured."""

    mib: int | None
    confidence: Confidence
    line: str

    @property
    def at_least(self) -> int:
        """MiB that it needs for certain."""
        return self.mib or SMALLEST_WORKER


def growth_of_mysql(buffer_pool: int, rss: int) -> int:
    """What MySQL may still take: innodb_buffer_pool_size and a tenth on top, less what it holds; bytes."""
    return max(0, buffer_pool * 11 // 10 - rss)


def growth_of_redis(maxmemory: int, rss: int) -> int:
    """What Redis may still take: maxmemory less what it holds; bytes."""
    return max(0, maxmemory - rss)


def worker_size(pool: PoolUse, master: Master, overrides: Overrides) -> WorkerSize:
    """W, from the pool's own workers, or where it has none from its master's."""
    if overrides.process_mb is not None:
        return WorkerSize(overrides.process_mb, "given", f"process_mb={overrides.process_mb} (given)")
    samples = pool.samples or tuple(sample for one in master.pools for sample in one.samples)
    killed = -(-pool.killed // MIB)
    if not samples:
        unknown = WorkerSize(None, "low", "W is not known: no worker could be measured")
        return _as_killed(killed) if killed else unknown
    warm = [sample.peak for sample in samples if sample.warm]
    trusted = len(warm) >= _WARM_SAMPLES
    peaks = warm if trusted else [sample.peak for sample in samples]
    limit = pool.memory_limit // MIB + SMALLEST_WORKER if pool.memory_limit > 0 else None
    size = max(SMALLEST_WORKER, _rounded_up(_p95(peaks)))
    size = size if limit is None else min(size, limit)
    bounds = f"at least 16{'' if limit is None else f', at most memory_limit + 16 = {limit}'}"
    if killed > size:
        return _as_killed(killed)
    kind = f"{len(peaks)} warm workers" if trusted else f"{len(peaks)} workers, only {len(warm)} of them warm"
    line = f"W = {size} MiB (p95 of the peak private memory of {kind}; {bounds})"
    return WorkerSize(size, "measured" if trusted else "low", line)


def _as_killed(mib: int) -> WorkerSize:
    return WorkerSize(mib, "measured", f"W = {mib} MiB (what a worker held when the kernel killed it)")


def host_room(machine: Machine, masters: Sequence[Master], overrides: Overrides) -> Room:
    """What all workers of the host may take together."""
    if overrides.available_mb is not None:
        given = overrides.available_mb
        return Room(
            given, given + given // 10, (f"available_mb={given} (given): budget - shared, reserve already taken off",)
        )
    cap, cap_line = max(_cap(machine, master) for master in masters)
    kept, reserve_line = _reserve(cap, machine, overrides)
    available, php_now = machine.mem_available // MIB, sum(master.pss for master in masters) // MIB
    terms = [(available + php_now, f"MemAvailable {available} + php_now {php_now} - reserve {kept}")]
    limit = _least_limit(masters[0]) if len(masters) == 1 else None
    terms += [] if limit is None else [(limit, f"cgroup {limit} - reserve {kept}")]
    physical = min(total for total, _ in terms)
    budget = physical - kept
    formula = terms[0][1] if len(terms) == 1 else f"min({', '.join(text for _, text in terms)})"
    shared = [_shared(master, len(masters) > 1) for master in masters]
    taken = sum(mib for mib, _ in shared)
    lines = (cap_line, reserve_line, f"budget = {formula} = {budget} MiB", *(line for _, line in shared))
    return Room(budget - taken, physical - taken, lines)


def cgroup_room(machine: Machine, master: Master, overrides: Overrides) -> Room | None:
    """What the workers of one master may take inside its own cgroup; None where nothing limits it."""
    limit = _least_limit(master)
    if limit is None or overrides.available_mb is not None:
        return None
    kept, _ = _reserve(_cap(machine, master)[0], machine, overrides)
    shared, _ = _shared(master, named=True)
    line = f"room in {master.name}'s cgroup = {limit} - reserve {kept} - shared {shared} = {limit - kept - shared} MiB"
    return Room(limit - kept - shared, limit - shared, (line,))


def _cap(machine: Machine, master: Master) -> tuple[int, str]:
    total, limit = machine.mem_total // MIB, _least_limit(master)
    if limit is None:
        return total, f"cap = MemTotal = {total} MiB"
    return min(total, limit), f"cap = min(MemTotal {total}, cgroup {limit}) = {min(total, limit)} MiB"


def _least_limit(master: Master) -> int | None:
    return min((limit // MIB for limit in master.cgroup_limits), default=None)


def _reserve(cap: int, machine: Machine, overrides: Overrides) -> tuple[int, str]:
    given = overrides.reserve
    if isinstance(given, int):
        base, text = given, f"{given} (given)"
    elif given is not None:
        base = math.ceil(cap * int(given.rstrip("% ")) / 100)
        text = f"{given} of {cap} (given)"
    else:
        base, text = max(_SMALLEST_RESERVE, math.ceil(cap / 10)), f"max({_SMALLEST_RESERVE}, 10 % of {cap})"
    mysql, redis = _rounded_up(machine.mysql_growth), _rounded_up(machine.redis_growth)
    text += f" + growth of MySQL {mysql}" * bool(mysql) + f" + growth of Redis {redis}" * bool(redis)
    return base + mysql + redis, f"reserve = {text} = {base + mysql + redis} MiB"


def _shared(master: Master, named: bool) -> tuple[int, str]:
    """The part of OPcache, APCu and JIT that is not in memory yet but will be: once a master, not once a worker."""
    sizes = [_rounded_up(size) for size in (master.opcache, master.apcu, master.jit)]
    resident = master.resident_shmem // MIB
    left = max(0, sum(sizes) - resident)
    name = f"shared of {master.name}" if named else "shared"
    text = f"max(0, OPcache {sizes[0]} + APCu {sizes[1]} + JIT {sizes[2]} - resident {resident})"
    return left, f"{name} = {text} = {left} MiB"


def _p95(values: Sequence[int]) -> int:
    """The nearest rank: below 20 values the greatest."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _rounded_up(size: int) -> int:
    return math.ceil(size / MIB)
