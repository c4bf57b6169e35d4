"""Hosts are reached before Invoke is loaded; what was begun is used for the very same request, and for no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from remediations import ahead, command_words
from remediations.reach import Reached
from remediations.request import Request

LINE = ["diagnose", "--host", "web1"]


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Reached]]:
    """What was reached, in order; `web1` alone is in no inventory, so nothing is really dialled."""
    seen: list[Reached] = []

    def reach(request: Request) -> Reached:
        seen.append(Counted(request, (), {}))
        return seen[-1]

    monkeypatch.setattr(ahead, "reach", reach)
    yield seen
    ahead._under_way.clear()


class Counted(Reached):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1


def guessed(line: list[str]) -> Request:
    request = command_words.guess(line)
    assert request is not None
    return request


def test_the_same_request_goes_on_with_what_was_begun(reached: list[Reached]) -> None:
    ahead.set_out(LINE)
    assert ahead.joined(guessed(LINE)) is reached[0]
    assert len(reached) == 1


@pytest.mark.parametrize("other", [{"hosts": ("web2",)}, {"dry_run": True}, {"environ": {}}, {"forks": 1}])
def test_another_request_hangs_up_and_begins_anew(
    reached: list[Reached], other: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counted, "closed", 0)
    ahead.set_out(LINE)
    request = replace(guessed(LINE), **other)  # type: ignore[arg-type]  # fields of a Request
    assert ahead.joined(request) is reached[1]
    assert (reached[1].request, Counted.closed) == (request, 1)


def test_what_was_begun_is_used_once(reached: list[Reached]) -> None:
    ahead.set_out(LINE)
    assert ahead.joined(guessed(LINE)) is not ahead.joined(guessed(LINE))


def test_nothing_is_begun_for_words_that_are_not_plain(reached: list[Reached]) -> None:
    for line in (["diagnose", "web1"], ["diagnose", "--host"], ["--list"], []):
        ahead.set_out(line)
    assert reached == []


def test_a_fault_is_told_where_the_request_comes_and_not_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Request) -> Reached:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ahead, "reach", broken)
    ahead.set_out(LINE)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        ahead.joined(guessed(LINE))
