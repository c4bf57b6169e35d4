"""Memory: the host has none left, and whoever asks for some waits, is refused or killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediations import health, sizes
from remediations.facts.kernel import Kill
from remediations.facts.processes import Process
from remediations.findings import Evidence, Finding
from remediations.host import databases, freshness, memory_use, topology
from remediations.snapshot import Snapshot

SCARCE = 0.05
"""A part of all memory; the kernel then throws out what it will need again at once."""
MOST_KILLS = 3


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """memory-exhausted, at most once: the kernel has killed for the whole host, or next to nothing is left.

    Only while the site is bad or a unit of it has died: what a job at night brought upon itself is over.
    """
    kills = [kill for kill in memory_use.recent_kills(snapshot) if not kill.limited]
    dead = _dead(snapshot)
    if (kills or _scarce(snapshot)) and (dead or health.judge(snapshot.answers).ok is False):
        yield _finding(snapshot, kills, dead)


def _finding(snapshot: Snapshot, kills: Sequence[Kill], dead: set[str]) -> Finding:
    machine, biggest = snapshot.machine, memory_use.biggest(snapshot)
    swap = f", {sizes.said(machine.swap_free)} of {sizes.said(machine.swap_total)} swap" if machine.swap_total else ""
    left = f"{sizes.said(machine.memory_available)} of {sizes.said(machine.memory_total)} available{swap}"
    killed = (
        f"the kernel has killed {', '.join(_names(kills))} for want of memory" if kills else "it is all but used up"
    )
    evidence = (
        *(Evidence("kernel", f"{_clock(snapshot, kill)} {kill.text}") for kill in kills[-MOST_KILLS:]),
        Evidence("process", left),
        *(Evidence("process", memory_use.named(one)) for one in biggest),
    )
    hog = f"; most is held by {biggest[0].name}" if biggest else ""
    ours = any(_struck(snapshot, kill, dead) for kill in kills)
    return Finding(
        "memory-exhausted",
        snapshot.host,
        "certain" if ours else "likely" if kills else "possible",
        f"the host's memory is exhausted: {killed}{hog}",
        evidence,
        None,
        "See who grows: ps -eo pid,rss,etime,comm,unit --sort=-rss | head. Give that one less (a job that runs beside "
        "the site, a database's buffer pool, pm.max_children) or the host more. Never raise pm.max_children now; a "
        "service that was killed comes back, and is killed again, until then.",
        aside=not ours or (not dead and _by_workers(biggest, kills)),
    )


def _by_workers(biggest: Sequence[Process], kills: Sequence[Kill]) -> bool:
    """PHP-FPM's workers alone hold most and are killed: worker-oom says what is to be done about them."""
    names = [*(one.name for one in biggest[:1]), *(kill.name for kill in kills)]
    return all(name.startswith("php-fpm") for name in names)


def _names(kills: Sequence[Kill]) -> list[str]:
    return list(dict.fromkeys(kill.name for kill in kills))


def _clock(snapshot: Snapshot, kill: Kill) -> str:
    return freshness.clock(snapshot.machine, memory_use.at(snapshot, kill))


def _scarce(snapshot: Snapshot) -> bool:
    machine = snapshot.machine
    swapped = machine.swap_free <= machine.swap_total * SCARCE
    return machine.memory_available <= machine.memory_total * SCARCE and swapped


def _dead(snapshot: Snapshot) -> set[str]:
    """The site's units, databases included, that are down without anybody having stopped them."""
    units = (*topology.web_units(snapshot), *(one.unit for one in databases.servers(snapshot)))
    return {unit.name for unit in units if unit.active_state in ("failed", "activating")}


def _struck(snapshot: Snapshot, kill: Kill, dead: set[str]) -> bool:
    """Whether it hit one of the site's own: by its cgroup, or by the name of what such a unit runs."""
    if kill.unit:
        return kill.unit in dead or kill.unit in {unit.name for unit in topology.web_units(snapshot)}
    found = (snapshot.unit(name) for name in dead)
    return any(unit and f"/{kill.name}" in unit.command_line for unit in found) or kill.name.startswith("php-fpm")
