"""The judgement can fail: whatever differs from the scenario is a miss, in the journey and in the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.scenarios import suite
from tests.scenarios.journey import Found, Journey, Ran
from tests.scenarios.judgement import misses
from tests.scenarios.scenario import Scenario
from tests.scenarios.suite import Row

START = (("start", "app.service"),)
STOPPED = ("service-stopped", "app.service")


def nothing(host: object) -> None:
    """These scenarios are never made."""


CURED = Scenario("stopped", nothing, STOPPED, cured=START, refused=())
REFUSED = Scenario("masked", nothing, STOPPED, refused=("unmask",))
SOUND = Scenario("sound", nothing)
FOUND = Found(STOPPED, "certain", "inactive/dead", "systemctl unmask it")
GOOD = Journey(
    (FOUND,), START, (), ("shop",), Ran(0, "changed", START, (), ""), again=Ran(0, "ok", (), (), "")
)  # fmt: skip
LEFT = Journey((FOUND,), (), (), ("shop",), Ran(3, "failed", (), ("shop",), ""))
WELL = Journey((), (), (), (), Ran(0, "ok", (), (), ""))


@pytest.mark.parametrize(("scenario", "seen"), [(CURED, GOOD), (REFUSED, LEFT), (SOUND, WELL)])
def test_a_journey_as_it_should_be_misses_nothing(scenario: Scenario, seen: Journey) -> None:
    assert misses(scenario, seen) == ()


@pytest.mark.parametrize(
    ("scenario", "seen", "changed", "miss"),
    [
        (CURED, GOOD, {"found": (replace(FOUND, named=("app-down", "app")),)}, "named"),
        (CURED, GOOD, {"found": (FOUND, replace(FOUND, named=("app-down", "app")))}, "named"),
        (CURED, GOOD, {"found": (replace(FOUND, evidence=""),)}, "no evidence"),
        (CURED, GOOD, {"found": (replace(FOUND, confidence="possible"),)}, "possible"),
        (CURED, GOOD, {"touched": ("/etc/passwd",)}, "touched"),
        (CURED, GOOD, {"planned": ()}, "planned"),
        (CURED, GOOD, {"ran": Ran(0, "changed", START, ("shop",), "")}, "still bad"),
        (CURED, GOOD, {"ran": Ran(3, "rolled_back", START, (), "")}, "ended 3 rolled_back"),
        (CURED, GOOD, {"ran": Ran(0, "changed", (), (), "")}, "did []"),
        (CURED, GOOD, {"again": Ran(0, "ok", START, (), "")}, "the second run did"),
        (CURED, GOOD, {"again": Ran(3, "failed", (), (), "")}, "the second run ended failed"),
        (REFUSED, LEFT, {"found": (replace(FOUND, told="restart everything"),)}, "does not say 'unmask'"),
        (REFUSED, LEFT, {"ran": Ran(0, "ok", (), ("shop",), "")}, "ended 0 ok"),
        (REFUSED, LEFT, {"ran": Ran(3, "failed", (), ("shop", "api"), "")}, "broken by remediate: api"),
        (SOUND, WELL, {"found": (FOUND,)}, "named"),
    ],
)
def test_each_difference_is_a_miss(scenario: Scenario, seen: Journey, changed: dict[str, Any], miss: str) -> None:
    assert miss in "\n".join(misses(scenario, replace(seen, **changed)))


def test_a_scenario_that_contradicts_itself_is_none() -> None:
    with pytest.raises(ValueError, match="either made on a host or recorded"):
        Scenario("neither")
    with pytest.raises(ValueError, match="nothing is to be done"):
        Scenario("sound", nothing, cured=START)


def test_who_was_taken_for_another_stands_in_the_table() -> None:
    right = Row("one", "plain", "app-down", "app-down", "refused", (), 1.0)
    wrong = Row("two", "plain", "app-down", "unknown", "refused", ("named unknown",), 2.0)
    told = suite.told((right, wrong), 3.0)
    assert "| two | plain | app-down | unknown | **missed**; named unknown | 2.0 |" in told
    assert "| app-down | 1 | unknown: 1 |" in told
    assert "2 scenarios: 1 named right first, 1 as expected in all (1 refused), after 3 s" in told
