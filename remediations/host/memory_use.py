"""Memory in use: which processes hold most of it, and whom the kernel lately killed for want of it."""

from __future__ import annotations

import heapq

from remediations import sizes
from remediations.facts.base import Unknown
from remediations.facts.kernel import Kill
from remediations.facts.processes import Process
from remediations.host import freshness
from remediations.snapshot import Snapshot

MOST = 3


def recent_kills(snapshot: Snapshot) -> tuple[Kill, ...]:
    """The kernel's kills of the last 15 minutes."""
    kills = () if isinstance(snapshot.kernel, Unknown) else snapshot.kernel
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    return tuple(kill for kill in kills if at(snapshot, kill) >= since)


def at(snapshot: Snapshot, kill: Kill) -> float:
    """When it was, in seconds since the epoch."""
    return freshness.at(snapshot.machine, kill.time) if kill.since_boot else kill.time


def biggest(snapshot: Snapshot) -> tuple[Process, ...]:
    """The processes that hold most, the biggest first."""
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    return tuple(heapq.nlargest(MOST, (one for one in processes.values() if one.resident), key=_resident))


def _resident(process: Process) -> int:
    return process.resident


def named(process: Process) -> str:
    """Who that is and what it holds; its command line may hold secrets and is never shown."""
    unit = f", {process.unit}" if process.unit else ""
    return f"{process.name} (pid {process.pid}{unit}) holds {sizes.said(process.resident)}"
