"""A splice replaces a range of bytes; an edit of a file is a list of splices, and every other byte stays as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Splice:
    """`data[start:end]` becomes `replacement`; start == end inserts. Offsets count in the original bytes."""

    start: int
    end: int
    replacement: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a splice cannot run from {self.start} to {self.end}")


def apply(data: bytes, splices: Iterable[Splice]) -> bytes:
    """The data with all splices made at once, in any order given.

    Insertions at one offset keep the order in which they were given. Splices that overlap, or that reach past the
    data, are a mistake of the caller: ValueError.
    """
    parts: list[bytes] = []
    done = 0
    for splice in sorted(splices, key=lambda one: (one.start, one.end)):
        if splice.start < done:
            raise ValueError(f"splices overlap at byte {splice.start}")
        if splice.end > len(data):
            raise ValueError(f"a splice ends at {splice.end}, past the data's {len(data)} bytes")
        parts += (data[done : splice.start], splice.replacement)
        done = splice.end
    parts.append(data[done:])
    return b"".join(parts)
