"""A signal is noted where it would tear something, raised where somebody is waited for, and never lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from remediations import interrupts


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interrupts._noted.clear()


def send(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_a_signal_is_raised_at_the_next_checkpoint_and_once(number: int) -> None:
    with interrupts.deferred():
        send(number)
        with pytest.raises(KeyboardInterrupt):
            interrupts.checkpoint()
        interrupts.checkpoint()


def test_a_second_signal_is_raised_wherever_we_are() -> None:
    with interrupts.deferred():
        send()
        with pytest.raises(KeyboardInterrupt):
            send()


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_while_somebody_is_asked_a_signal_is_raised(number: int) -> None:
    with interrupts.deferred():
        with interrupts.raised(), pytest.raises(KeyboardInterrupt):
            send(number)
        send(number)


def test_a_signal_from_before_counts_where_signals_are_counted() -> None:
    with interrupts.deferred():
        send()
        with interrupts.counted() as seen:
            assert seen.count == 1
            send()
            assert seen.count == 2
        interrupts.checkpoint()


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.deferred():
        send()
        interrupts.checkpoint()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_handlers_from_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.deferred(), interrupts.raised(), interrupts.counted():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
