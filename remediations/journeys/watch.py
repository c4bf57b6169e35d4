"""The journey of `watch`: one host, diagnosed again and again over one connection that is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from remediations import terminal
from remediations.result import HostResult
from remediations.runner import Journey

Told = Callable[[HostResult], None]
"""Told each result; returns at once."""

_OVER_A_CONNECTION = ("unreachable", "unknown")


@dataclass
class Watching(Journey):
    """Looks every so many seconds until `seconds` have passed (None: until it is closed) and once more at their end."""

    every: float = 30.0
    seconds_to_watch: float | None = None
    told: Told = lambda _: None
    last: HostResult | None = None
    looks: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> HostResult:
        """The last result; an error of the host is a result like others, and the next look begins anew."""
        begun = time.monotonic()
        result = self._once()
        while not self._over.is_set() and (left := self._left(begun)) > 0:
            if not self._over.wait(min(self.every, left)):
                result = self._once()
        return result

    def close(self) -> None:
        """See Looking; from another thread it also ends the waiting."""
        self._over.set()
        super().close()

    def _left(self, begun: float) -> float:
        return self.every if self.seconds_to_watch is None else begun + self.seconds_to_watch - time.monotonic()

    def _once(self) -> HostResult:
        kept = self._shell is not None
        result = self._looked()
        if kept and result.error and self._shell is None and not self._over.is_set():
            terminal.remark(f"{self.target.name}: the connection was lost; connecting again")
            result = self._looked()
        if not self._over.is_set():  # else what we have cut off ourselves
            self.last, self.looks = result, self.looks + 1
            self.told(result)
        return result

    def _looked(self) -> HostResult:
        self.survey = None
        result = self._guarded(self._look)
        self.early = None  # its first answers have been used
        if result.error and result.before is None:
            self._hang_up()
        return replace(result, seconds={})

    def _connect(self) -> None:
        if self._shell is None:
            super()._connect()

    def _hang_up(self) -> None:
        """After an error a shell is of no use any more."""
        self._shell = None
        while self._connections:
            self._connections.pop().close()
