"""Owners of listening sockets: by which user, from which folder, with which program, since when each process runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of


@dataclass(frozen=True)
class Owner:
    """`ticks` is when it was started, as the kernel counts: with the pid it names one process and no later one.

    "" and 0 where this user may not see it. `apart`: it sees other files or processes than the host's first
    process does, as those in containers do, whose paths say nothing here.
    """

    pid: int
    user: str
    program: str
    folder: str
    ticks: int
    apart: bool = False


Owners = Mapping[int, Owner]

_USER = re.compile(r" *([0-9]+) (\S+) *")
_LINK = re.compile(r"l.* /proc/([0-9]+)/(exe|cwd|ns/mnt|ns/pid) -> (.*)")
_STAT = re.compile(r"([0-9]+) \(.*\) \S+(?: \S+){18} ([0-9]+) .*")


def parse(stdout: bytes) -> Owners | Unknown:
    """What ps, ls and the kernel's `stat` say, line by line; a process that ended meanwhile is left out."""
    users: dict[int, str] = {}
    links: dict[tuple[int, str], str] = {}
    ticks: dict[int, int] = {}
    for line in lines_of(stdout, "surrogateescape"):
        if match := _USER.fullmatch(line):
            users[int(match[1])] = match[2]
        elif match := _LINK.fullmatch(line):
            links[int(match[1]), match[2]] = match[3]
        elif match := _STAT.fullmatch(line):
            ticks[int(match[1])] = int(match[2])
    return {pid: _owner(pid, user, links, ticks.get(pid, 0)) for pid, user in users.items()}


def _owner(pid: int, user: str, links: Mapping[tuple[int, str], str], ticks: int) -> Owner:
    apart = any(links.get((pid, kind)) != links.get((1, kind)) for kind in ("ns/mnt", "ns/pid"))
    return Owner(pid, user, links.get((pid, "exe"), ""), links.get((pid, "cwd"), ""), ticks, apart)


FACT: Fact[Owners] = Fact("owners", fragment("owners"), parse)
