"""Ctrl-C and SIGTERM, noted instead of raised: nothing is torn in the middle, no host's journey and no import.

A KeyboardInterrupt within an import can be swallowed there, with a lock of Python's that nobody lets go any more. They
are raised only while a person is asked, or a second time. Imported before all else, so it imports little itself.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130
BEFORE_ALL = "interrupted; nothing was changed"
"""What is said where no run had begun; one that has answers for itself."""

Handler = Callable[[int, FrameType | None], None]

_noted: list[int] = []


class Interrupts:
    """How often somebody asked us to stop."""

    def __init__(self, count: int = 0) -> None:
        self.count = count


def defer() -> None:
    """From now on a signal is noted; a second one is raised."""
    _handle(_note)


@contextmanager
def deferred() -> Iterator[None]:
    """The same until the block ends."""
    with _handled(_note):
        yield


@contextmanager
def raised() -> Iterator[None]:
    """Until the block ends a signal is raised as KeyboardInterrupt: somebody, or something, is waited for."""
    with _handled(_raise):
        yield


@contextmanager
def counted() -> Iterator[Interrupts]:
    """Until the block ends a signal is counted and does nothing else; one that was noted before counts, too."""
    seen = Interrupts(len(_noted))
    _noted.clear()

    def count(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        seen.count += 1

    with _handled(count):
        yield seen


def checkpoint() -> None:
    """Raises KeyboardInterrupt where a signal was noted: here nothing is torn by it."""
    if _noted:
        _noted.clear()
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    _noted.append(number)
    if len(_noted) > 1:
        _raise(number, frame)


def _raise(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
    _noted.clear()
    raise KeyboardInterrupt(signal.Signals(number).name)


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = _handle(handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _handle(handler: Handler) -> dict[signal.Signals, signal._HANDLER]:
    """The handlers from before. Those that somebody's shell told us to ignore are (`nohup`, a script's background)."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # only the main thread may handle signals
    ours = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handler) for number in ours}
