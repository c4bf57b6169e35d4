"""PHP-FPM capacity: all workers of a pool are busy and requests wait; or those workers wait for something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from remediations import health
from remediations.facts.base import Unknown
from remediations.facts.work import Work
from remediations.findings import Evidence, Finding
from remediations.host import listening, topology
from remediations.nginx import complaints
from remediations.php import fpm_log, waiting
from remediations.php import pools as php_pools
from remediations.php.pools import REACHED, PoolAt
from remediations.snapshot import Snapshot

MOST_CORES = 0.75
"""Whose workers want that part of all processors are limited by these."""
NOT_MORE = "Do not raise pm.max_children: the new workers would wait as well."
FREED = (
    "A restart of PHP-FPM frees them and cures nothing; request_terminate_timeout in the pool keeps one request from "
    "holding a worker for ever."
)


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """pool-blocked or pool-exhausted, once a pool: said by FPM's log since its last (re)start, or seen at work."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    for at in php_pools.every(versions):
        said, seen = tuple(_said(snapshot, at)), tuple(_seen(snapshot, at))
        full = (*said, *seen) or tuple(_all_serve(snapshot, at))
        if said and not seen and _has_idle(snapshot, at):
            yield _over(snapshot, at, said)
        elif full:
            waits = waiting.evidence(snapshot, at)
            yield _blocked(snapshot, at, full, waits) if waits else _exhausted(snapshot, at, full)


def _exhausted(snapshot: Snapshot, at: PoolAt, full: tuple[Evidence, ...]) -> Finding:
    return Finding(
        "pool-exhausted",
        at.subject,
        "certain" if len(full) > 1 else "likely",
        f"pool {at.pool.name} has all of its {at.pool.max_children.value} workers busy",
        full,
        "tune-max-children",
        _limit(snapshot, at),
    )


def _limit(snapshot: Snapshot, at: PoolAt) -> str:
    """What more workers cannot do: have an answer sooner from somebody else, or more processors than there are."""
    cores = snapshot.machine.cores
    wanted = sum(_cores(one) for one in waiting.seen(snapshot, at).serving)
    if wanted < MOST_CORES * cores:
        return "If the workers wait for a database or another server, more of them do not help: see its slow log."
    return (
        f"They compute, and want {wanted:.1f} of the {cores} processors: more of them only share these. "
        "Find what computes (the slow log, perf top), cache it, keep crawlers off it, or add processors."
    )


def _cores(work: Work) -> float:
    """How many processors it wants: one, where it never waited, however many it had to share that with."""
    never_waits = not work.asleep and not work.moved
    return 1.0 if never_waits else work.busy / work.seconds if work.seconds > 0 else 0.0


def _over(snapshot: Snapshot, at: PoolAt, said: tuple[Evidence, ...]) -> Finding:
    """It was full and is not now: what is bad now has another cause."""
    finding = _exhausted(snapshot, at, said)
    what = f"pool {at.pool.name} had all of its {at.pool.max_children.value} workers busy, and has idle ones now"
    return replace(finding, summary=what, aside=True)


def _has_idle(snapshot: Snapshot, at: PoolAt) -> bool:
    """Not all of its workers serve a request, as far as that can be seen, and nginx complains of nothing there now."""
    if isinstance(snapshot.work, Unknown) or php_pools.none_idle(snapshot, at):
        return False
    listen = {name for one in topology.backend_addresses(snapshot) if at.listens_at(one)
              for name in listening.names(snapshot, one)}  # fmt: skip
    if any(complaints.subject(record) in listen for record in complaints.fresh(snapshot)):
        return False
    return len(waiting.seen(snapshot, at).serving) < at.pool.max_children.value


def _blocked(snapshot: Snapshot, at: PoolAt, full: tuple[Evidence, ...], waits: tuple[Evidence, ...]) -> Finding:
    hints = waiting.hints(snapshot, at)
    what = " and ".join(hint.name for hint in hints) or "something else"
    look = "; ".join(f"{hint.name} ({hint.look})" for hint in hints)
    where = f"Look there first: {look}." if hints else _where(at)
    return Finding(
        "pool-blocked",
        at.subject,
        "certain" if waits[0].source == "process" and len(full) > 1 else "likely",
        f"the workers of pool {at.pool.name} are all busy, and wait for {what}",
        (*full, *waits),
        None,
        f"{where} {NOT_MORE} {FREED}",
    )


def _where(at: PoolAt) -> str:
    if at.pool.request_slowlog_timeout.value > 0:
        return f"{at.pool.slowlog.value} shows in which function of PHP they wait."
    return f"slowlog and request_slowlog_timeout = 5s in pool {at.pool.name} show in which function of PHP they wait."


def _said(snapshot: Snapshot, at: PoolAt) -> Iterator[Evidence]:
    found = [
        said.evidence
        for said in fpm_log.fresh(snapshot, at.version)
        if (match := REACHED.match(said.message)) and match["pool"] == at.pool.name
    ]
    yield from found[-1:]


def _seen(snapshot: Snapshot, at: PoolAt) -> Iterator[Evidence]:
    """Connections that wait to be accepted while no worker is idle."""
    socket = php_pools.listener(snapshot, at)
    if socket and socket.waiting > 0:
        yield Evidence("socket", f"{socket.waiting} connections wait at {socket.address} (backlog {socket.backlog})")
        if unit := php_pools.none_idle(snapshot, at):
            yield Evidence(f"unit:{unit.name}", unit.status_text)


def _all_serve(snapshot: Snapshot, at: PoolAt) -> Iterator[Evidence]:
    """A static pool logs nothing, and before others ask there is no queue: a bad site and no worker left tell it."""
    serving, most = len(waiting.seen(snapshot, at).serving), at.pool.max_children.value
    if serving >= most > 0 and health.judge(snapshot.answers).ok is False:
        yield Evidence("process", f"all {most} workers that pool {at.pool.name} may have serve a request")
