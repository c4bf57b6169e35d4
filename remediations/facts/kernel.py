"""The kernel's word: which processes it killed for want of memory within the last hour."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from remediations.facts.base import Fact, Unknown, fragment, lines_of

HOUR = 3600

_JOURNAL = re.compile(r"j (?P<time>\d+\.\d+) \S+ kernel: (?P<text>.*)")
_RING = re.compile(r"d (?:<\d+>)?\[ *(?P<time>\d+\.\d+)\](?:\[[^\]]*\])? (?P<text>.*)")
_KILLED = re.compile(r"Killed process (?P<pid>\d+) \((?P<name>.*)\),? (?:UID|total-vm)")
_CHOSEN = re.compile(r"oom-kill:constraint=(?P<constraint>\w+),.*?,task=(?P<name>.*),pid=(?P<pid>\d+),uid=")
_GROUP = re.compile(r",task_memcg=(?P<group>.*?),task=")


@dataclass(frozen=True)
class Kill:
    """One process that the kernel killed. `time` in seconds since the epoch, or since boot where `since_boot`.

    `unit` is its cgroup's; `limited` tells whether a cgroup's limit was reached, and not the host's memory: None where
    the kernel does not say.
    """

    time: float
    since_boot: bool
    pid: int
    name: str
    unit: str | None
    limited: bool | None
    text: str


Kills = tuple[Kill, ...]


def parse(stdout: bytes) -> Kills | Unknown:
    """Lines of the journal (j) or of the kernel's ring (d), oldest first; several about one process are one kill."""
    found: dict[tuple[int, str], Kill] = {}
    for line in lines_of(stdout):
        match = _JOURNAL.fullmatch(line) or _RING.fullmatch(line)
        kill = match and _kill(float(match["time"]), match["text"], since_boot=line.startswith("d"))
        if kill:
            before = found.get((kill.pid, kill.name))
            found[kill.pid, kill.name] = _merged(before, kill) if before else kill
    return tuple(found.values())


def _kill(time: float, text: str, *, since_boot: bool) -> Kill | None:
    if match := _CHOSEN.search(text):
        group = _GROUP.search(text)
        units = re.findall(r"/([^/,]+\.service)(?=/|$)", group["group"]) if group else []
        unit, limited = units[-1] if units else None, match["constraint"] == "CONSTRAINT_MEMCG"
        return Kill(time, since_boot, int(match["pid"]), match["name"], unit, limited, text)
    if match := _KILLED.search(text):
        limited_here = True if text.startswith("Memory cgroup out of memory") else None
        return Kill(time, since_boot, int(match["pid"]), match["name"], None, limited_here, text)
    return None


def _merged(before: Kill, after: Kill) -> Kill:
    """The later line's words, which tell the sizes, with what only one of them knows."""
    limited = before.limited if after.limited is None else after.limited
    return replace(after, unit=after.unit or before.unit, limited=limited)


FACT: Fact[Kills] = Fact("kernel", fragment("kernel"), parse, seconds=6)
