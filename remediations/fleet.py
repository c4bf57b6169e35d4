"""Many hosts' journeys, side by side, and what becomes of them when somebody presses Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from remediations import bugs
from remediations.interrupts import Interrupts, counted
from remediations.result import HostResult
from remediations.runner import Journey

MOST_FORKS = 32
GLANCE_SECONDS = 0.1
"""How often the main thread looks up from waiting: whether somebody has pressed Ctrl-C."""


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
    looked: dict[str, HostResult] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    results: dict[int, HostResult] = field(default_factory=dict)

    def look(self) -> tuple[HostResult, ...]:
        """Every host's dry run."""
        results = self._all(lambda journey: journey.look())
        self.looked = {result.host: result for result in results}
        return results

    def finish(self) -> tuple[HostResult, ...]:
        """Applies what `look` planned; every connection is closed after it."""
        return self._all(self._finish_if_planned)

    def run(self) -> tuple[HostResult, ...]:
        """Look and apply host by host, without a pause between: for `--yes`."""
        return self._all(self._look_and_finish)

    def states(self) -> tuple[HostResult, ...]:
        """What is known of every host now."""
        return tuple(self._state(journey, self.results.get(i)) for i, journey in enumerate(self.journeys))

    def close(self) -> None:
        for journey in self.journeys:
            journey.close()

    def _look_and_finish(self, journey: Journey) -> HostResult:
        looked = journey.look()
        if looked.status != "planned":
            journey.close()
            return looked
        return _untouched(journey) if self.stop.is_set() else _finish(journey)

    def _finish_if_planned(self, journey: Journey) -> HostResult:
        looked = self.looked[journey.target.name]
        if looked.status == "planned":
            return _finish(journey)
        journey.close()
        return looked

    def _all(self, act: Callable[[Journey], HostResult]) -> tuple[HostResult, ...]:
        """Raises Interrupted where a signal came, once no host is being changed any more (or a second one came)."""
        results: dict[int, HostResult] = {}
        self.results = results
        with counted() as interrupts:
            arriving = self._start(act)
            while self._awaited(results, interrupts):
                _receive(arriving, results)
                if interrupts.count and not self.stop.is_set():
                    self._halt(index for index in range(len(self.journeys)) if index not in results)
        if interrupts.count:
            raise Interrupted(self.states())
        return tuple(results[index] for index in range(len(self.journeys)))

    def _start(self, act: Callable[[Journey], HostResult]) -> SimpleQueue[tuple[int, HostResult]]:
        """Threads that the end of the program does not wait for: a host that hangs must not hold up a second Ctrl-C."""
        todo: SimpleQueue[int] = SimpleQueue()
        done: SimpleQueue[tuple[int, HostResult]] = SimpleQueue()
        for index in range(len(self.journeys)):
            todo.put(index)

        def work() -> None:
            while True:
                try:
                    index = todo.get_nowait()
                except Empty:
                    return
                try:
                    done.put((index, self._travel(act, self.journeys[index])))
                except BaseException as error:  # even the log of a bug can fail; a missing result would hang the run
                    done.put((index, _failed_by_us(self.journeys[index], f"this is a bug of ours: {error!r}")))

        for number in range(max(1, min(self.forks, len(self.journeys)))):
            threading.Thread(target=work, name=f"journeys {number}", daemon=True).start()
        return done

    def _travel(self, act: Callable[[Journey], HostResult], journey: Journey) -> HostResult:
        """A bug that shows on one host must not lose what the others have to say."""
        if self.stop.is_set():
            return self._left(journey)
        try:
            return act(journey)
        except Exception:
            log = bugs.keep_traceback()
            journey.close()
            return _failed_by_us(journey, bugs.sentence(log))

    def _awaited(self, results: dict[int, HostResult], interrupts: Interrupts) -> bool:
        """Whether a result is still worth waiting for: after a first signal only of hosts that are being changed."""
        missing = [journey for index, journey in enumerate(self.journeys) if index not in results]
        if self.stop.is_set():
            return interrupts.count < 2 and any(journey.changing for journey in missing)
        return bool(missing)

    def _halt(self, missing: Iterable[int]) -> None:
        """Closing a connection before its host is changed makes sure that it will not be."""
        self.stop.set()
        for journey in (self.journeys[index] for index in missing):
            if journey.changing:
                journey.progress(journey.target.name, "interrupted; waiting until the change under way is judged")
            else:
                self.cut.add(journey.target.name)
                journey.close()

    def _state(self, journey: Journey, result: HostResult | None) -> HostResult:
        """What we cut off ourselves says that its connection was lost: that is not what happened to it."""
        cut = journey.target.name in self.cut and not journey.changing
        return self._left(journey) if result is None or cut else result

    def _left(self, journey: Journey) -> HostResult:
        """A host of which no result came before the end."""
        looked = self.looked.get(journey.target.name)
        if looked is not None and looked.status != "planned":
            return looked
        return _abandoned(journey) if journey.changing else _untouched(journey)


def _receive(arriving: SimpleQueue[tuple[int, HostResult]], results: dict[int, HostResult]) -> None:
    try:
        index, result = arriving.get(timeout=GLANCE_SECONDS)
    except Empty:
        return
    results[index] = result


def _finish(journey: Journey) -> HostResult:
    try:
        return journey.finish()
    finally:
        journey.close()


def _untouched(journey: Journey) -> HostResult:
    name = journey.target.name
    return HostResult(name, "declined", error=f"{name}: interrupted before anything was changed")


def _abandoned(journey: Journey) -> HostResult:
    name = journey.target.name
    error = f"{name}: interrupted twice while it was being changed; what was not confirmed the host undoes by itself"
    return HostResult(name, "unknown", error=error)


def _failed_by_us(journey: Journey, sentence: str) -> HostResult:
    state = "what was not confirmed the host undoes by itself" if journey.changing else "nothing was changed"
    name = journey.target.name
    return replace(HostResult(name, "unknown", error=f"{name}: {sentence}; {state}"), bug=True)
