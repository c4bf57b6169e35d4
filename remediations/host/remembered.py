"""What a pure function of a snapshot has answered is kept with that snapshot, which never changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar, TypeVarTuple

from remediations.snapshot import Snapshot

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def remembered(function: Callable[[Snapshot, *Ts], T]) -> Callable[[Snapshot, *Ts], T]:
    """For what causes ask over and over: on a host of 500 sites each answer takes long, and is wanted 500 times."""

    @wraps(function)
    def asked(snapshot: Snapshot, *about: *Ts) -> T:
        key: Hashable = (function, about)
        if key not in snapshot.memory:
            snapshot.memory[key] = function(snapshot, *about)
        found: T = snapshot.memory[key]
        return found

    return asked
