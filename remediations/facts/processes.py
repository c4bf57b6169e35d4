"""Processes: who started them, since when, in which unit; and what memory each PHP-FPM worker takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Process:
    """`started` in seconds since the epoch, late by up to one; `age` in whole seconds; `unit` is its cgroup's.

    `title` is kept only for nginx and php-fpm, whose titles say what they are; `resident` is in bytes, 0 for less than
    16 MiB.
    """

    pid: int
    parent: int
    uid: int
    age: int
    name: str
    title: str
    unit: str | None
    memory: Memory | None = None
    started: float = 0.0
    resident: int = 0


@dataclass(frozen=True)
class Memory:
    """Bytes, from smaps_rollup and status: proportional, private and peak resident size, and the shared parts."""

    pss: int
    uss: int
    peak: int
    rss_anon: int
    rss_file: int
    rss_shmem: int


Processes = Mapping[int, Process]


def parse(stdout: bytes) -> Processes | Unknown:
    """Lines `t` (the time of asking), `p` (a process), `r` (its resident kB), `c` (its cgroup), `m` (a kB figure)."""
    rows: list[list[str]] = []
    now = 0.0
    units: dict[int, str] = {}
    resident: dict[int, int] = {}
    memory: dict[int, dict[str, int]] = {}
    for line in lines_of(stdout):
        kind, _, rest = line.partition(" ")
        if kind == "t":
            now = float(rest.removesuffix("N").rstrip("%."))
        elif kind == "p":
            rows.append(rest.split(None, 5))
        elif kind == "c":
            pid, path = rest.split(" ", 1)
            units.update({int(pid): unit} if (unit := _unit(path)) else {})
        elif kind == "r":
            pid, kib = rest.split()
            resident[int(pid)] = int(kib) * 1024
        elif kind == "m":
            pid, key, kib = rest.split()
            figures = memory.setdefault(int(pid), {})
            figures[key.rstrip(":")] = figures.get(key.rstrip(":"), 0) + int(kib) * 1024
    found = {
        int(row[0]): Process(
            pid=int(row[0]), parent=int(row[1]), uid=int(row[2]), age=int(row[3]), started=now - int(row[3]),
            name=row[4],
            title=row[5] if len(row) > 5 else "", unit=units.get(int(row[0])),
            memory=_memory(memory.get(int(row[0]))), resident=resident.get(int(row[0]), 0),
        )
        for row in rows if len(row) >= 5
    }  # fmt: skip
    return found or Unknown("ps listed no process")


def _unit(path: str) -> str | None:
    names = re.findall(r"/([^/]+\.(?:service|scope))(?=/|$)", path)
    return names[-1] if names else None


def _memory(kib: Mapping[str, int] | None) -> Memory | None:
    if not kib or "Pss" not in kib:
        return None
    get = kib.get
    return Memory(
        pss=get("Pss", 0), uss=get("Private_Clean", 0) + get("Private_Dirty", 0), peak=get("VmHWM", 0),
        rss_anon=get("RssAnon", 0), rss_file=get("RssFile", 0), rss_shmem=get("RssShmem", 0),
    )  # fmt: skip


FACT: Fact[Processes] = Fact("processes", fragment("processes"), parse, most=MAX_BYTES)
