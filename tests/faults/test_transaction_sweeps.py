"""The real program, ended at each of its steps by kill or power cut: all or nothing, and what was told stands."""

import os

import pytest

from tests.faults.cases import CASES, Case

FULL = os.environ.get("REMEDIATE_FAULTS") == "full"
CHOSEN = [case for case in CASES if FULL or case.quick]


@pytest.mark.parametrize(
    "case", [case for case in CHOSEN if not case.breaks], ids=lambda case: f"{case.row}-{case.name}"
)
def test_each_end_is_all_or_nothing(case: Case) -> None:
    result = case.run()
    assert not case.wrong(result), "\n".join(case.wrong(result))
    assert result.steps > 100


@pytest.mark.parametrize("case", [case for case in CHOSEN if case.breaks], ids=lambda case: case.name)
def test_with_a_part_left_out_something_is_broken(case: Case) -> None:
    result = case.run()
    assert not case.wrong(result), "\n".join(case.wrong(result))
