"""Many hosts' journeys, side by side, and what becomes of them when somebody presses Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from remediations.result import HostResult
from remediations.runner import Journey

MOST_FORKS = 32


class Interrupted(Exception):
    """Ctrl-C: `results` says in what state every host is."""

    def __init__(self, results: tuple[HostResult, ...]) -> None:
        super().__init__("interrupted")
        self.results = results


@dataclass
class Fleet:
    """The journeys of one run; at most `forks` at a time."""

    journeys: Sequence[Journey]
    forks: int = MOST_FORKS
    stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> tuple[HostResult, ...]:
        """Every host's dry run."""
        return self._all(lambda journey: journey.look())

    def finish(self) -> tuple[HostResult, ...]:
        """Applies what `look` planned; every connection is closed after it."""
        return self._all(_finish)

    def run(self) -> tuple[HostResult, ...]:
        """Look and apply host by host, without a pause between: for `--yes`."""

        def both(journey: Journey) -> HostResult:
            looked = journey.look()
            return _finish(journey) if looked.status == "planned" and not self.stop.is_set() else looked

        return self._all(both)

    def close(self) -> None:
        for journey in self.journeys:
            journey.close()

    def _all(self, act: Callable[[Journey], HostResult]) -> tuple[HostResult, ...]:
        pool = ThreadPoolExecutor(max(1, min(self.forks, len(self.journeys))))
        futures = [pool.submit(self._unless_stopped, act, journey) for journey in self.journeys]
        try:
            wait(futures)
        except KeyboardInterrupt:
            self.stop.set()
            raise Interrupted(self._states(futures)) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return tuple(future.result() for future in futures)

    def _unless_stopped(self, act: Callable[[Journey], HostResult], journey: Journey) -> HostResult:
        return _untouched(journey) if self.stop.is_set() else act(journey)

    def _states(self, futures: Iterable[Future[HostResult]]) -> tuple[HostResult, ...]:
        """Hosts that were being changed are waited for: they end, one way or the other, by themselves."""
        results = []
        for journey, future in zip(self.journeys, futures, strict=True):
            try:
                results.append(future.result() if journey.changing or future.done() else _untouched(journey))
            except KeyboardInterrupt:
                results.append(HostResult(journey.target.name, "unknown", error=_abandoned(journey)))
        return tuple(results)


def _finish(journey: Journey) -> HostResult:
    try:
        return journey.finish()
    finally:
        journey.close()


def _untouched(journey: Journey) -> HostResult:
    name = journey.target.name
    return HostResult(name, "declined", error=f"{name}: interrupted before anything was changed")


def _abandoned(journey: Journey) -> str:
    name = journey.target.name
    return f"{name}: interrupted twice while it was being changed; it undoes by itself what was not confirmed"
