"""Answers are cut out of the stream at the same bytes however it is sliced on the way."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from remediations.connections.framing import AFTER_KEPT, NOISE_KEPT, Answer, Between, Frame

BEGIN, END = b"<begin>", b"<end>"
FRAME = Frame(("ab", "cd"), ("12", "34"))


def sliced(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)] or [b""]


@given(
    noise=st.binary(max_size=40),
    content=st.binary(max_size=60),
    after=st.binary(max_size=20),
    cuts=st.lists(st.integers(0, 1000), max_size=12),
)
def test_the_content_is_the_same_whatever_the_pieces(
    noise: bytes, content: bytes, after: bytes, cuts: list[int]
) -> None:
    between = Between(BEGIN, END, 1000)
    for piece in sliced(noise + BEGIN + content + END + after, cuts):
        between.feed(piece)
    assert (between.noise, between.content, between.after, between.ended) == (noise, content, after[:AFTER_KEPT], True)
    assert (between.noise_bytes, between.overflowed) == (len(noise), False)


@given(
    content=st.binary(min_size=1, max_size=60), cap=st.integers(0, 70), cuts=st.lists(st.integers(0, 1000), max_size=9)
)
def test_only_more_than_the_cap_overflows_and_the_end_is_found_all_the_same(
    content: bytes, cap: int, cuts: list[int]
) -> None:
    between = Between(BEGIN, END, cap)
    for piece in sliced(BEGIN + content + END, cuts):
        between.feed(piece)
    assert between.content == content[:cap]
    assert between.overflowed == (len(content) > cap)
    assert between.ended


def test_memory_is_bounded_before_the_begin_and_after_the_cap() -> None:
    between = Between(BEGIN, END, 100)
    for _ in range(100):
        between.feed(b"n" * 10_000)
    assert between.noise_bytes >= 999_990
    assert len(between.noise) <= NOISE_KEPT + len(BEGIN)
    between.feed(BEGIN)
    for _ in range(100):
        between.feed(b"c" * 10_000)
    assert (between.overflowed, between.content) == (True, b"c" * 100)


def test_what_the_host_said_is_there_before_any_marker() -> None:
    between = Between(BEGIN, END, 100)
    between.feed(b"sudo: no")
    assert (between.begun, between.noise, between.content) == (False, b"sudo: no", b"")


def test_the_exit_code_counts_only_with_its_whole_line() -> None:
    answer = Answer(FRAME, 100, 100)
    answer.stdout.feed(b"abcd\nout1234 12")
    before = answer.exit_code
    answer.stdout.feed(b"7\n")
    assert (before, answer.exit_code, answer.stdout.content) == (None, 127, b"out")


def test_a_marker_never_stands_whole_in_what_is_sent() -> None:
    frame = Frame.random()
    sent = frame.wrap("echo hello")
    assert "".join(frame.begin).encode() not in sent
    assert "".join(frame.end).encode() not in sent


def test_no_two_frames_are_alike() -> None:
    assert len({Frame.random() for _ in range(100)}) == 100
