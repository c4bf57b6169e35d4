"""Whose processor is whose: a host that is repaired does not share its cores with the person who repairs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_ALL = frozenset(os.sched_getaffinity(0))


def divided() -> bool:
    """Whether there are cores to divide."""
    return len(_ALL) > 1


@contextmanager
def for_hosts() -> Iterator[None]:
    """What is started meanwhile, and all its children, run on the first half of the cores."""
    with _on(frozenset(sorted(_ALL)[: len(_ALL) // 2]) or _ALL):
        yield


@contextmanager
def for_clients() -> Iterator[None]:
    """The same for the other half."""
    with _on(frozenset(sorted(_ALL)[len(_ALL) // 2 :])):
        yield


@contextmanager
def _on(cores: frozenset[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
