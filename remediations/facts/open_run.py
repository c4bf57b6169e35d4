"""The run of this toolkit that is open on the host: under way, or interrupted before its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

_RUN = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class OpenRun:
    """`run` and `state` of the run that has not ended, empty where there is none; `holder`: who holds the lock now."""

    run: str = ""
    state: str = ""
    holder: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether it was cut off, and nobody is at work on it."""
        return bool(self.run) and not self.holder


def parse(stdout: bytes) -> OpenRun | Unknown:
    """`open ID STATE` and `held BY WHOM`, each where it is so."""
    found = dict(line.partition(" ")[::2] for line in lines_of(stdout))
    run, _, state = found.get("open", "").partition(" ")
    if run and not _RUN.fullmatch(run):
        return Unknown(f"the host names an open run {run[:64]!r}, which is no run of this toolkit")
    return OpenRun(run, state, found.get("held", ""))


FACT: Fact[OpenRun] = Fact("open-run", fragment("open_run"), parse)
