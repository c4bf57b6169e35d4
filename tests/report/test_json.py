"""The JSON report keeps its contract for every status, and holds nothing that a terminal would obey."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from remediations.report.json import render
from remediations.result import EXIT_CODES
from tests import contract
from tests.report.results import GOOD, RESULTS

RUN = "20261122T130500Z-7f3a9c"


def test_there_is_a_case_for_every_status() -> None:
    assert {result.status for result in RESULTS.values()} == set(EXIT_CODES)


@pytest.mark.parametrize("name", RESULTS)
def test_a_document_is_what_the_contract_says(name: str) -> None:
    dry_run = RESULTS[name].status in ("planned", "diagnosed")
    document = render(RUN, [RESULTS[name]], dry_run=dry_run)
    contract.check(json.loads(document))
    assert document.endswith("}\n")
    assert document.isascii()


@pytest.mark.parametrize(
    "broken",
    [
        replace(RESULTS["ok"], before=replace(GOOD, ok=False)),
        replace(RESULTS["unreachable"], before=GOOD),
        replace(RESULTS["refused"], error=None),
        replace(RESULTS["refused"], changes=RESULTS["planned"].changes),
        replace(RESULTS["diagnosed"], findings=()),
    ],
    ids=["ok but bad", "asked though unreachable", "no reason", "refused but changed", "no finding"],
)
def test_the_check_of_the_contract_can_fail(broken: object) -> None:
    with pytest.raises(AssertionError):
        contract.check(json.loads(render(RUN, [broken], dry_run=True)))  # type: ignore[list-item]  # a HostResult


def test_control_characters_of_a_host_are_escaped_twice() -> None:
    document = render(RUN, [RESULTS["diagnosed"]], dry_run=True)
    assert json.loads(document)["hosts"][0]["findings"][0]["evidence"][0]["text"] == "Stopped PHP\\x1b[2J"


@pytest.mark.parametrize(
    ("name", "plain", "detailed"),
    [("planned", 0, 2), ("changed", 0, 2), ("diagnosed", 0, 3), ("ok", 0, 0), ("failed", 3, 3), ("locked", 5, 5)],
)
def test_exit_codes(name: str, plain: int, detailed: int) -> None:
    assert RESULTS[name].exit_code(detailed=False) == plain
    assert RESULTS[name].exit_code(detailed=True) == detailed
