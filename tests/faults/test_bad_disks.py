"""A disk that is full, or says no once, leaves all or nothing; random sequences agree with the model."""

import os

import pytest

from tests.faults import bad_disks, machine
from tests.faults.bad_disks import Point
from tests.faults.cases import FSYNC_OFF
from tests.faults.namespace import in_private
from tests.faults.plans import Planned
from tests.faults.scenes import COMMIT, Setting
from tests.faults.shells import BUSYBOX_ALONE
from tests.faults.undone import Walk, walked

FULL = os.environ.get("REMEDIATE_FAULTS") == "full"


def test_however_little_is_free_it_is_all_or_nothing() -> None:
    result = bad_disks.levels(60 if FULL else 10)
    assert not result.broken, "\n".join(map(str, result.broken))


def test_whatever_call_fails_once_it_is_all_or_nothing() -> None:
    result = bad_disks.refusals(1 if FULL else 97)
    assert result.steps > 10
    assert not result.broken, "\n".join(map(str, result.broken))


def test_a_disk_that_turns_read_only_is_all_or_nothing_at_the_next_boot() -> None:
    result = bad_disks.read_only(1 if FULL else 61)
    assert result.steps > 4
    assert not result.broken, "\n".join(map(str, result.broken))


def test_without_fsync_a_disk_that_turns_read_only_loses_what_was_told() -> None:
    points = bad_disks.calls(Setting(COMMIT, edit=FSYNC_OFF))
    assert {each.invariant for each in bad_disks.turned(points[-8:], workers=2).broken} >= {"I4"}


def test_random_sequences_agree_with_the_model() -> None:
    machine.sequences(*(machine.FULL if FULL else machine.QUICK))


def test_an_upload_that_arrived_in_part_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the check of its sums left out, the full disk is what finds it."""
    text = Planned().program.text
    assert "sha256sum -c" in text
    monkeypatch.setattr(Planned, "text", lambda self, _=None: self.program.text.replace("sha256sum -c", "true", 1))
    assert bad_disks.at([Point(bad_disks.COURSES[0], free=20)], workers=1).broken


def test_busybox_alone_refuses_before_it_touches_anything() -> None:
    done = in_private(lambda: walked(Walk(Setting(COMMIT, shell=BUSYBOX_ALONE))))
    assert [(each.invariant, each.words) for each in done.broken] == [
        ("I9", "told REFUSED, state REFUSED, not COMMITTED")
    ]
