"""Ctrl-C and SIGTERM, counted instead of raised, so that no host's journey is torn in the middle of a sentence."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130
BEFORE_ALL = "interrupted; nothing was changed"
"""What is said where no run had begun; one that has answers for itself."""


@dataclass
class Interrupts:
    """How often somebody asked us to stop."""

    count: int = 0


@contextmanager
def counted() -> Iterator[Interrupts]:
    """Until the block ends, a signal is counted and does nothing else. Only the main thread may handle signals."""
    seen = Interrupts()

    def count(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        seen.count += 1

    before = {number: signal.signal(number, count) for number in _ours()}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_for_sigterm() -> None:
    """From now on SIGTERM ends a run as Ctrl-C does: with a word about every host, and exit code 130."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        raise KeyboardInterrupt(signal.Signals(number).name)

    if signal.SIGTERM in _ours():
        signal.signal(signal.SIGTERM, interrupt)


def _ours() -> tuple[signal.Signals, ...]:
    """Those that somebody's shell did not tell us to ignore (`nohup`, a job in the background of a script)."""
    if threading.current_thread() is not threading.main_thread():
        return ()
    return tuple(number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None))
