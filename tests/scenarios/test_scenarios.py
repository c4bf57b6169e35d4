"""Every scenario on a host of its own: the right cause first, an untouched dry run, a cure or honest advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.conftest import LabHostFactory
from tests.lab.faults import FAULTS
from tests.scenarios.journey import replay, travel
from tests.scenarios.judgement import misses
from tests.scenarios.scenario import Scenario, every

ROWS = tuple(every())


@pytest.mark.parametrize("row", [one for one in ROWS if not one.recorded], ids=lambda row: row.name)
def test_what_is_wrong_is_named_and_what_is_right_is_done(
    row: Scenario, lab_host: LabHostFactory, tmp_path: Path
) -> None:
    assert misses(row, travel(lab_host(variant=row.variant), CommandLine(tmp_path), row)) == ()


@pytest.mark.parametrize("row", [one for one in ROWS if one.recorded], ids=lambda row: row.name)
def test_what_no_lab_host_can_show_is_named_from_what_was_recorded(row: Scenario) -> None:
    assert misses(row, replay(row)) == ()


def test_no_two_scenarios_have_one_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_every_fault_of_the_lab_has_its_scenario() -> None:
    broken = {row.breaks for row in ROWS}
    assert [name for name, fault in FAULTS.items() if fault not in broken] == []
