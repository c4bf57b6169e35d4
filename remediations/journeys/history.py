"""The journey of `history`: which runs a host remembers. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.facts import runs
from remediations.facts.base import Unknown
from remediations.first_facts import ask
from remediations.result import HostResult
from remediations.runner import Journey


@dataclass
class Telling(Journey):
    """Nothing is asked but the host's own journal."""

    def _look(self) -> HostResult:
        name = self.target.name
        self._connect()
        self._say("reading the journal of runs")
        told = self._timed("history", lambda: runs.FACT.read(ask(self.shell, [runs.FACT]).get(runs.FACT.name)))
        if isinstance(told, Unknown):
            return HostResult(name, "unknown", error=f"{name}: read the journal of runs: {told.reason}")
        return HostResult(name, "ok", history=told, seconds=dict(self.seconds))
