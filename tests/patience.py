"""Waiting in tests: for what must come, and a generous limit to what would otherwise hang; no test asserts a time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 60.0
FOR_EVER = 3600.0
"""A time limit that no test lives to see."""


class Hung(BaseException):
    """No Exception: nothing that is tested may take it for an error of its own and translate it."""


@contextmanager
def patience(seconds: float = PATIENCE) -> Iterator[None]:
    """Fails where the block does not end: what it waits for would otherwise be waited for without end."""

    def hung(number: int, frame: FrameType | None) -> None:
        raise Hung(f"it had not ended after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def eventually(condition: Callable[[], bool], told: Callable[[], str] = str, seconds: float = PATIENCE) -> None:
    """Waits until it holds; `told` says what there is instead."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about: {told()}"
        time.sleep(0.1)


def when(condition: Callable[[], object], act: Callable[[], object]) -> None:
    """Does `act`, in a thread of its own, as soon as the condition holds."""

    def wait() -> None:
        while not condition():
            time.sleep(0.02)
        act()

    threading.Thread(target=wait, daemon=True).start()
