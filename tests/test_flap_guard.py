"""The flap guard: at which restart it stops, by the host's clock, and what it tells a person then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.changes.unit import UnitAction
from remediations.facts.base import Unknown
from remediations.facts.restarts import Restart
from remediations.host.flap_guard import DEFAULT, MOST_SHOWN, FlapGuard, recent
from remediations.snapshot import Snapshot
from tests.builders import MACHINE, nginx_snapshot

NOW = int(MACHINE.now)
UNIT = "nginx.service"
MINUTE = 60


def restarted(*ages: int, unit: str = UNIT) -> Snapshot:
    """A host on which the unit was restarted so many seconds ago."""
    restarts = tuple(Restart(NOW - age, unit, "restart", f"run-{n}", "alice") for n, age in enumerate(ages, 1))
    return replace(nginx_snapshot({}), restarts=restarts)


@pytest.mark.parametrize(
    ("ages", "stops"),
    [
        ((), False),
        ((10, 20), False),
        ((10, 20, 30), True),
        ((10, 20, 15 * MINUTE - 1), True),
        ((10, 20, 15 * MINUTE), False),
        ((10, 20, 16 * MINUTE, 17 * MINUTE), False),
        ((10, 20, 16 * MINUTE, 17 * MINUTE, 60 * MINUTE - 1), True),
        ((10, 20, 16 * MINUTE, 17 * MINUTE, 60 * MINUTE), False),
        ((16 * MINUTE,) * 5, True),
    ],
)
def test_three_in_15_minutes_and_five_in_an_hour_are_allowed_and_no_more(ages: tuple[int, ...], stops: bool) -> None:
    host = restarted(*ages)
    assert DEFAULT.stops(host, UNIT) is stops
    assert (DEFAULT.refusal(host, UNIT) is not None) is stops


def test_other_units_do_not_count() -> None:
    assert not DEFAULT.stops(restarted(10, 20, 30, unit="php8.2-fpm.service"), UNIT)


def test_the_limits_are_its_own() -> None:
    assert not FlapGuard(4, 5).stops(restarted(10, 20, 30), UNIT)
    assert FlapGuard(1, 5).stops(restarted(10), UNIT)


def test_what_a_clock_that_was_set_back_left_in_the_future_counts_as_now() -> None:
    host = restarted(-7200, -86_400 * 365_000, 10)
    assert DEFAULT.stops(host, UNIT)
    assert "2027-01-15 08:00:00 restart by alice (run run-2)" in str(DEFAULT.refusal(host, UNIT))


def test_the_refusal_tells_when_what_by_whom_in_which_run_and_that_a_person_must_look() -> None:
    host = replace(
        nginx_snapshot({}),
        restarts=(
            Restart(NOW - 600, UNIT, "start", "20261122T130500Z-000001", "alice"),
            Restart(NOW - 300, UNIT, "restart", "20261122T131000Z-000002", "bob"),
        ),
    )
    assert FlapGuard(2, 5).refusal(host, UNIT) == (
        "nginx.service is not started or restarted again: it was started or restarted 2 times in the last 15 minutes "
        "and 2 times in the last hour (allowed: 2 and 5): "
        "2027-01-15 07:50:00 start by alice (run 20261122T130500Z-000001), "
        "2027-01-15 07:55:00 restart by bob (run 20261122T131000Z-000002); "
        "a person must look at why it does not stay up: journalctl -u nginx.service -e"
    )


def test_of_a_long_history_the_newest_are_shown_and_the_rest_is_counted() -> None:
    told = str(DEFAULT.refusal(restarted(*range(3000, 3000 - 10 * (MOST_SHOWN + 3), -10)), UNIT))
    assert "): 3 more, 20" in told
    assert [f"run-{number})" in told for number in (3, 4, MOST_SHOWN + 3)] == [False, True, True]


def test_where_the_restarts_are_unknown_nothing_is_made_up() -> None:
    host = replace(nginx_snapshot({}), restarts=Unknown("/var/lib/remediate may not be read by this user"))
    assert (recent(host, UNIT), DEFAULT.stops(host, UNIT)) == ((), False)


def test_every_act_carries_the_limits_of_the_default_guard_to_the_host() -> None:
    assert UnitAction("x", UNIT, "restart", "why").limits == DEFAULT.limits == (3, 5)
