"""What is refused before anything is touched."""

from __future__ import annotations

import pytest

from remediations.health import Health
from remediations.plan import Plan
from remediations.survey import Survey
from tests.builders import nginx_snapshot

NOTHING = Plan("web1", (), refusals=("there is no upstream nosuch",))
GOOD, BAD = Health(True, 200, None, "200"), Health(False, 502, "nginx", "502")


@pytest.mark.parametrize(
    ("health", "asked", "refused"),
    [(GOOD, True, True), (GOOD, False, False), (BAD, True, False), (BAD, False, False)],
)
def test_what_somebody_asked_for_and_was_refused_is_no_good_end(health: Health, asked: bool, refused: bool) -> None:
    said = Survey(nginx_snapshot({}), health, (), NOTHING, None).refusal(
        only_plan=None, require_proof=False, asked=asked
    )
    assert said == ("web1: there is no upstream nosuch" if refused else None)


def test_remediations_that_have_nothing_to_do_refuse_nothing() -> None:
    known = Survey(nginx_snapshot({}), GOOD, (), Plan("web1", ()), None)
    assert known.refusal(only_plan=None, require_proof=False, asked=True) is None
