"""What sizing needs to know of a host, read from its snapshot: the machine, and each PHP-FPM with its pools."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from remediations.editors.php_fpm import PhpIni, load_php_ini
from remediations.editors.php_ini import quantity
from remediations.facts import databases
from remediations.facts.base import Unknown
from remediations.facts.kernel import Kill
from remediations.facts.processes import Process
from remediations.findings import Finding
from remediations.host import memory_use
from remediations.php import fpm_log, sizing
from remediations.php import pools as php_pools
from remediations.php.pools import PoolAt
from remediations.snapshot import FpmVersion, Snapshot

OOM_SECONDS = 24 * 3600
"""For so long an OOM kill forbids to raise: what grew is likely to grow again at the same hour of the next day."""

_ANON = re.compile(r"\banon-rss:(?P<kib>[0-9]{1,12})kB")
"""The private memory of a killed process, in the kernel's words."""
_DIED = re.compile(r"^\[pool [^\]]{1,255}\] child \d+ exited on signal 9\b")
NEAR_SECONDS = 2
"""PHP-FPM's log has no fractions of a second."""
_OOM = ("killed by the OOM killer", "Failed with result 'oom-kill'")


def machine(snapshot: Snapshot, findings: Sequence[Finding] = ()) -> sizing.Machine:
    """The host's memory and cores, and whether the kernel killed one of the web's units lately."""
    host = snapshot.machine
    return sizing.Machine(
        mem_total=host.memory_total,
        mem_available=host.memory_available,
        cores=host.cores,
        mysql_growth=sum(sizing.growth_of_mysql(limit, rss) for limit, rss in _limits(snapshot, "mysql")),
        redis_growth=sum(sizing.growth_of_redis(limit, rss) for limit, rss in _limits(snapshot, "redis")),
        recent_oom=bool(oom_kills(snapshot)) or any(finding.cause == "worker-oom" for finding in findings),
    )


def _limits(snapshot: Snapshot, kind: str) -> Iterator[tuple[int, int]]:
    """What each database of this kind may take, where that is known, and what it holds."""
    found = () if isinstance(snapshot.databases, Unknown) else snapshot.databases
    for one in found:
        if one.kind == kind and isinstance(one.limit, int):
            yield one.limit, one.rss


def unknown_growth(snapshot: Snapshot) -> Iterator[str]:
    """Databases that may take more memory than the budget knows of."""
    if isinstance(snapshot.databases, Unknown):
        running = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
        for name in sorted({one.name for one in running.values()} & set(databases.NAMES)):
            yield f"{name}: {snapshot.databases.reason}"
        return
    for one in snapshot.databases:
        if one.limit is None:
            yield f"{one.name}: it has no maxmemory"
        elif isinstance(one.limit, Unknown):
            yield f"{one.name}: {one.limit.reason}"


def oom_kills(snapshot: Snapshot) -> tuple[str, ...]:
    """What systemd said of OOM kills in the web's units within the last day, the newest line of each unit."""
    lines = () if isinstance(snapshot.journal, Unknown) else snapshot.journal
    since = snapshot.machine.now - OOM_SECONDS
    said = {line.unit or line.source: line.message for line in lines if line.time >= since and _is_oom(line.message)}
    units = {} if isinstance(snapshot.units, Unknown) else snapshot.units
    said |= {f"kernel {kill.pid}": kill.text for kill in tuple(_killed(snapshot))[-1:]}
    said |= {name: f"{name}: Result=oom-kill" for name, unit in units.items() if unit.result == "oom-kill"}
    return tuple(said.values())


def _is_oom(message: str) -> bool:
    return any(text in message for text in _OOM)


def _killed(snapshot: Snapshot) -> Iterator[Kill]:
    """The workers of ours that the kernel says it killed; a container hears of its neighbours', too.

    The kernel names their unit, or (in a container it may not) a PHP-FPM's log tells of such a death in that second.
    """
    kills = () if isinstance(snapshot.kernel, Unknown) else snapshot.kernel
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    named = [kill for kill in kills if kill.name.startswith("php-fpm")]
    units = {version.fpm.unit for version in versions}
    died = (
        []
        if not named
        else [
            said.time for version in versions for said in fpm_log.lines(snapshot, version) if _DIED.search(said.message)
        ]
    )
    for kill in named:
        time = memory_use.at(snapshot, kill)
        if kill.unit in units or (kill.unit is None and any(abs(time - each) <= NEAR_SECONDS for each in died)):
            yield kill


def killed_bytes(snapshot: Snapshot, at: PoolAt, findings: Sequence[Finding]) -> int:
    """What the biggest worker held that the kernel killed: by the finding's lines, or by the kernel's of the unit."""
    mine = (each for each in findings if (each.cause, each.subject) == ("worker-oom", at.subject))
    told = [one.text for each in mine for one in each.evidence]
    told += [kill.text for kill in _killed(snapshot) if kill.unit in (None, at.master)]
    return max((int(match["kib"]) * 1024 for text in told if (match := _ANON.search(text))), default=0)


def masters(
    snapshot: Snapshot, pools: Sequence[PoolAt], findings: Sequence[Finding], overrides: sizing.Overrides
) -> tuple[sizing.Master, ...]:
    """Each PHP-FPM that has one of these pools, in their order; what it has besides them is left out."""
    loads = _loads(snapshot, pools, findings, overrides)
    versions = {id(at.version): at.version for at in pools}
    return tuple(
        _master(snapshot, version, [(at, load) for at, load in loads if at.version is version], findings)
        for version in versions.values()
    )


def _master(
    snapshot: Snapshot, version: FpmVersion, pools: Sequence[tuple[PoolAt, float]], findings: Sequence[Finding]
) -> sizing.Master:
    php = ini(snapshot, version)
    found = php_pools.processes(snapshot, version)
    counted = [one for one in found if one.pid == version.fpm.master]
    counted += [one for at, _ in pools for one in php_pools.workers(snapshot, at)]
    return sizing.Master(
        name=pools[0][0].master,
        pools=tuple(_pool(snapshot, at, load, php, findings) for at, load in pools),
        pss=sum(one.memory.pss for one in counted if one.memory),
        cgroup_limits=version.fpm.memory_limits,
        opcache=php.opcache_memory_consumption.value,
        apcu=php.apc_shm_size.value,
        jit=php.opcache_jit_buffer_size.value,
        resident_shmem=max((one.memory.rss_shmem for one in found if one.memory), default=0),
        process_max=version.config.global_settings.process_max.value,
    )


def _pool(snapshot: Snapshot, at: PoolAt, load: float, php: PhpIni, findings: Sequence[Finding]) -> sizing.PoolUse:
    found = php_pools.workers(snapshot, at)
    own = at.pool.php("memory_limit")
    limit = php.memory_limit
    return sizing.PoolUse(
        name=at.pool.name,
        max_children=at.pool.max_children.value,
        load=load,
        samples=tuple(sample for one in found if (sample := _sample(one))),
        memory_limit=quantity(own.value) if own else limit.value if limit.known else -1,
        exhausted=php_pools.is_exhausted(snapshot, findings, at),
        waiting=php_pools.found_blocked(findings, at) is not None,
    )


def _sample(process: Process) -> sizing.WorkerSample | None:
    memory = process.memory
    if memory is None:
        return None
    return sizing.WorkerSample(
        uss=memory.uss,
        hwm=memory.peak,
        rss_file=memory.rss_file,
        rss_shmem=memory.rss_shmem,
        requests=None,
        uptime=process.age,
    )


def _loads(
    snapshot: Snapshot, pools: Sequence[PoolAt], findings: Sequence[Finding], overrides: sizing.Overrides
) -> list[tuple[PoolAt, float]]:
    """How much of the budget each pool is worth.

    Measured: as many parts as it has workers now, all that it may have where it is exhausted. Where the operator's
    figures decide: as many as its pm.max_children says, for that is still so after the change and the reload.
    """
    if overrides.exact:
        return list(zip(pools, _given_loads(pools, overrides), strict=True))
    return [(at, _load(snapshot, findings, at)) for at in pools]


def _load(snapshot: Snapshot, findings: Sequence[Finding], at: PoolAt) -> float:
    if php_pools.found_exhausted(findings, at):
        return max(1, at.pool.max_children.value)
    return max(1, len(php_pools.workers(snapshot, at)))


def _given_loads(pools: Sequence[PoolAt], overrides: sizing.Overrides) -> list[float]:
    """The present values; where these use the budget up but for the rounding, the rest is spread evenly.

    So a result, put in again, comes out unchanged, which shares of rounded shares do not always do.
    """
    values = [max(1, at.pool.max_children.value) for at in pools]
    if overrides.process_mb is None or overrides.available_mb is None:
        return [float(value) for value in values]
    rest = overrides.available_mb // overrides.process_mb - sum(values)
    return [value + (rest / len(values) if 0 <= rest < len(values) else 0) for value in values]


def ini(snapshot: Snapshot, version: FpmVersion) -> PhpIni:
    """The settings of php.ini and conf.d that this PHP-FPM starts with."""
    names = (name for name in version.fpm.ini_files if name in snapshot.files)
    return _loaded(tuple((name, snapshot.files[name].data) for name in names))


@lru_cache(maxsize=64)
def _loaded(files: tuple[tuple[str, bytes], ...]) -> PhpIni:
    """Remembered: a plan asks several times, and the hosts of a fleet have the same php.ini of 2,000 lines."""
    return load_php_ini(files)


def unmeasured(snapshot: Snapshot, versions: Sequence[FpmVersion]) -> str | None:
    """Why the memory that PHP-FPM takes, or may take, cannot be told; None where it can."""
    if isinstance(snapshot.processes, Unknown):
        return f"processes are not known: {snapshot.processes.reason}"
    for version in versions:
        found = php_pools.processes(snapshot, version)
        if version.fpm.master is not None and not any(one.memory for one in found):
            why = "that needs root" if not snapshot.machine.root else "the kernel shows no smaps_rollup (before 4.14)"
            return f"the memory of PHP-FPM's processes cannot be read: {why}"
        missing = [name for name in version.fpm.ini_files if name not in snapshot.files]
        if missing:
            return f"{missing[0]} could not be read"
        php = ini(snapshot, version)
        for setting in (php.opcache_memory_consumption, php.apc_shm_size, php.opcache_jit_buffer_size):
            if not setting.known and setting.source:
                return f"{setting.source.file}:{setting.source.line}: only PHP can evaluate this expression"
    return None
