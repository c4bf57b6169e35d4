"""Restarts: which units the toolkit has started or restarted on this host lately, for whom and in which run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remediations.facts.base import Fact, fragment, lines_of

_TIME = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Restart:
    """One start or restart; `time` in seconds since the epoch by the host's own clock, as Machine.now."""

    time: int
    unit: str
    action: str
    run: str
    who: str


Restarts = tuple[Restart, ...]


def parse(stdout: bytes) -> Restarts:
    """`EPOCH UNIT ACTION RUN WHO` lines; one that a power cut has torn counts as long as it names its unit.

    remote/units.sh writes them, and counts by the same rule.
    """
    lines = (line.split(" ", 4) for line in lines_of(stdout))
    return tuple(_restart(*words) for words in lines if len(words) > 1 and _TIME.fullmatch(words[0]))


def _restart(time: str, unit: str, action: str = "?", run: str = "?", who: str = "?") -> Restart:
    return Restart(int(time), unit, action, run, who)


FACT: Fact[Restarts] = Fact("restarts", fragment("restarts"), parse)
