"""Times of systemd: what it reads and what it prints."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediations.systemd_time import seconds, shown


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5s", 5), ("300", 300), ("1min 30s", 90), ("2h5min", 7500), ("1 d", 86_400), ("1 month", 2_629_800), ("0", 0),
        ("5m", 300), ("1y", 31_557_600), ("30 seconds", 30),
    ],
)  # fmt: skip
def test_times_are_read(text: str, wanted: int) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", " ", "100ms", "1.5s", "infinity", "soon", "5x", "-1", "5s!", "s"])
def test_what_is_no_time_of_whole_seconds_is_none(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("total", "text"), [(5, "5s"), (300, "5min"), (90, "1min 30s"), (86_461, "1d 1min 1s"), (0, "0")]
)
def test_times_are_shown_as_systemctl_does(total: int, text: str) -> None:
    assert shown(total) == text


@given(st.integers(0, 10**9))
def test_what_is_shown_is_read_back(total: int) -> None:
    assert seconds(shown(total)) == total


@pytest.mark.lab
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_systemd_itself_shows_it_so(total: int) -> None:
    said = subprocess.run(
        ["systemd-analyze", "timespan", str(total)], capture_output=True, check=True, text=True
    ).stdout
    assert f"Human: {shown(total)}\n" in said
