"""What memory, cores and database allow each PHP-FPM pool: several pools share in proportion to their load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remediations.php.memory_budget import (
    Machine,
    Master,
    Overrides,
    PoolUse,
    Room,
    WorkerSize,
    cgroup_room,
    host_room,
    worker_size,
)

_PER_CORE = 4
_LEAST_OF_SEVERAL = 2


@dataclass(frozen=True)
class Limits:
    """The limits of one pool, and the arithmetic that led to them.

    `mem_max` is None where no worker could be measured. `needs` are the rooms that the pool stands in (the host's, and
    its own cgroup's) with what all pools of that room need at their present values, MiB.
    """

    machine: Machine
    master: Master
    pool: PoolUse
    overrides: Overrides
    worker: WorkerSize
    least: int
    mem_max: int | None
    core_max: int
    database_max: int | None
    needs: tuple[tuple[Room, int], ...]
    lines: tuple[str, ...]

    @property
    def formula(self) -> int | None:
        """What the arithmetic gives; the operator's exact word leaves the cores and the database out."""
        if self.overrides.max_children is not None or self.mem_max is None:
            return self.overrides.max_children
        return max(self.least, self.mem_max if self.overrides.exact else min(self._all()))

    @property
    def safe(self) -> int | None:
        """The value to lower to: memory alone decides, and the cores where the operator said what they bear."""
        if self.mem_max is None:
            return None
        bearable = min(self.mem_max, self.core_max) if self.overrides.per_core else self.mem_max
        return max(self.least, bearable)

    @property
    def terms(self) -> str:
        """The limits in words, for the arithmetic."""
        names = {"mem_max": self.mem_max, "cores": self.core_max, "database": self.database_max}
        return ", ".join(f"{name} {limit}" for name, limit in names.items() if limit is not None)

    def _all(self) -> list[int]:
        return [one for one in (self.mem_max, self.core_max, self.database_max) if one is not None]


def limits(machine: Machine, masters: Sequence[Master], overrides: Overrides) -> list[Limits]:
    """The limits of every pool of every master, in their order."""
    pairs = [(master, pool) for master in masters for pool in master.pools]
    if not pairs:
        return []
    workers = [worker_size(pool, master, overrides) for master, pool in pairs]
    rooms = [_Shared(host_room(machine, masters, overrides), tuple(range(len(pairs))))]
    for master in masters if len(masters) > 1 else ():
        own = cgroup_room(machine, master, overrides)
        rooms += [_Shared(own, tuple(i for i, (of, _) in enumerate(pairs) if of is master))] if own else []
    return [_limits(machine, overrides, pairs, workers, rooms, i) for i in range(len(pairs))]


@dataclass(frozen=True)
class _Shared:
    """A room and the pools (by their number) that stand in it."""

    room: Room
    members: tuple[int, ...]


def _limits(
    machine: Machine,
    overrides: Overrides,
    pairs: Sequence[tuple[Master, PoolUse]],
    workers: Sequence[WorkerSize],
    rooms: Sequence[_Shared],
    number: int,
) -> Limits:
    (master, pool), worker = pairs[number], workers[number]
    pools = [one for _, one in pairs]
    sizes = [one.at_least for one in workers]
    mine = [shared for shared in rooms if number in shared.members]
    parts = [_part(shared, pools, sizes, number) for shared in mine]
    per_core = overrides.per_core or _PER_CORE
    core_max = by_load(machine.cores * per_core, pools, [1] * len(pools))[number]
    connections = machine.database_connections
    database_max = None if connections is None else by_load(connections, pools, [1] * len(pools))[number]
    cores = f"cores = {machine.cores} * {per_core}{' (given)' if overrides.per_core else ''}"
    rules = [f"{cores}{_whose(pools, number)} = {core_max}"]
    rules += [] if database_max is None else [f"database connections{_whose(pools, number)} = {database_max}"]
    least = _LEAST_OF_SEVERAL if len(pairs) > 1 else 1
    return Limits(
        machine=machine,
        master=master,
        pool=pool,
        overrides=overrides,
        worker=worker,
        least=least,
        mem_max=None if worker.mib is None else min(part for part, _ in parts),
        core_max=core_max,
        database_max=database_max,
        needs=tuple((shared.room, sum(pools[i].max_children * sizes[i] for i in shared.members)) for shared in mine),
        lines=(
            *(line for shared in mine for line in shared.room.lines),
            worker.line,
            *(line for _, line in parts if worker.mib is not None),
            *(() if overrides.exact else rules),
        ),
    )


def _part(shared: _Shared, pools: Sequence[PoolUse], sizes: Sequence[int], number: int) -> tuple[int, str]:
    members = [pools[i] for i in shared.members]
    place = shared.members.index(number)
    part = by_load(shared.room.mib, members, [sizes[i] for i in shared.members])[place]
    room, size = shared.room.mib, sizes[number]
    if len(members) == 1:
        return part, f"mem_max = floor((budget - shared) / W) = floor({room} / {size}) = {part}"
    return part, f"mem_max = floor({room}{_whose(members, place)} / {size}) = {part}"


def _whose(pools: Sequence[PoolUse], number: int) -> str:
    if len(pools) == 1:
        return ""
    weights = _weights(pools)
    return f" * {weights[number]:g}/{sum(weights):g} for the load of [{pools[number].name}]"


def by_load(total: int, pools: Sequence[PoolUse], sizes: Sequence[int]) -> list[int]:
    """How many workers of these sizes each pool gets of a total, by load; of several pools each gets at least two.

    A pool whose part is below two gets two, and the others share what is left.
    """
    if len(pools) == 1:
        return [max(0, total // sizes[0])]
    weights = _weights(pools)
    small: set[int] = set()
    while True:
        left = max(0, total - sum(_LEAST_OF_SEVERAL * sizes[i] for i in small))
        weight = sum(weights[i] for i in range(len(pools)) if i not in small)
        parts = [
            _LEAST_OF_SEVERAL if i in small else int(left * weights[i] / weight) // sizes[i] for i in range(len(pools))
        ]
        found = {i for i, part in enumerate(parts) if part < _LEAST_OF_SEVERAL} - small
        if not found:
            return parts
        small |= found


def _weights(pools: Sequence[PoolUse]) -> list[float]:
    loads = [max(0.0, pool.load) for pool in pools]
    return loads if sum(loads) > 0 else [1.0] * len(pools)
