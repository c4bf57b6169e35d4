"""Splices change what they name and nothing else."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediations.editors.splice import Splice, apply


def test_splices_are_made_at_once_whatever_their_order() -> None:
    splices = [Splice(6, 11, b"there"), Splice(0, 5, b"HELLO")]
    assert apply(b"hello world", splices) == b"HELLO there"


def test_insertions_at_one_offset_keep_the_order_given() -> None:
    assert apply(b"ab", [Splice(1, 1, b"2"), Splice(1, 1, b"1")]) == b"a21b"


def test_an_insertion_may_touch_a_replacement() -> None:
    assert apply(b"abc", [Splice(1, 2, b"X"), Splice(1, 1, b"<"), Splice(2, 2, b">")]) == b"a<X>c"


@pytest.mark.parametrize(
    "splices",
    [
        [Splice(0, 3, b""), Splice(2, 4, b"")],
        [Splice(0, 3, b""), Splice(1, 1, b"x")],
        [Splice(0, 2, b"a"), Splice(0, 2, b"b")],
    ],
)
def test_overlapping_splices_are_an_error(splices: list[Splice]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply(b"abcdef", splices)


def test_a_splice_past_the_data_is_an_error() -> None:
    with pytest.raises(ValueError, match="past the data"):
        apply(b"abc", [Splice(2, 4, b"")])


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (2, 1)])
def test_a_splice_that_runs_backwards_cannot_be_made(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="cannot run"):
        Splice(start, end, b"")


@given(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=3), st.binary(max_size=5))), st.randoms())
def test_what_lies_between_the_splices_stays(pieces: list[tuple[bytes, bytes, bytes]], random: Random) -> None:
    """Each piece is bytes to keep, bytes to take out and bytes to put there."""
    data = b"".join(kept + taken for kept, taken, _ in pieces)
    splices, position = [], 0
    for kept, taken, put in pieces:
        start = position + len(kept)
        position = start + len(taken)
        splices.append(Splice(start, position, put))
    if len({(each.start, each.end) for each in splices}) == len(splices):
        random.shuffle(splices)
    assert apply(data, splices) == b"".join(kept + put for kept, _, put in pieces)
