"""The journey of undo where no lab can make the moment: the run that waits ends otherwise while it is told to undo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from remediations.changes.file import FileChange
from remediations.connections.base import Target
from remediations.health import Health
from remediations.health_settings import HealthSettings
from remediations.journeys.undo import Undoing
from remediations.looking import Options
from remediations.plan import Plan, PlannedFile
from remediations.result import HostResult
from remediations.survey import Survey
from remediations.transaction import Outcome, State
from tests.builders import host_file, nginx_snapshot

RUN = "20261122T130500Z-7f3a9c"
PATH = "/etc/nginx/nginx.conf"
GOOD = Health(True, 200, None, "http://shop.example/: 200")


@dataclass(frozen=True)
class Talk:
    """The conversation with a host that answers in this way."""

    outcome: Outcome

    def abort(self) -> Outcome:
        return self.outcome


def journey() -> Undoing:
    change = FileChange("undo", PATH, host_file(PATH, b"new\n"), b"old\n")
    plan = Plan("web1", (PlannedFile(change, ("undo",)),))
    one = Undoing(Target("web1", "192.0.2.1"), HealthSettings(), (), Options(RUN, Path("/nowhere")), lambda *_: None)
    one.survey = Survey(nginx_snapshot({PATH: b"new\n"}), GOOD, (), plan, None)
    return one


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("committed", "unknown", "the changes stand"),
        ("needs_human", "needs_human", "a person"),
        ("unknown", "unknown", "did not say"),
    ],
)
def test_a_run_that_ends_otherwise_while_it_is_told_to_undo_is_not_reported_as_undone(
    monkeypatch: pytest.MonkeyPatch, state: State, status: str, said: str
) -> None:
    one = journey()
    monkeypatch.setattr(one, "_conversation_about", lambda _: Talk(Outcome(state, (), None)))
    told = one._ended_at_once(HostResult("web1", "planned", GOOD), RUN)
    assert (told.status, told.changes, told.undone) == (status, (), ())
    assert said in str(told.error)
