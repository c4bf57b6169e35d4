"""What a plan takes longest for is begun while the host answers, and what goes wrong there goes wrong in the plan."""

from __future__ import annotations

import threading

import pytest

from remediations import rehearsal, templating
from remediations.errors import RemediateError
from tests.builders import nginx_snapshot


def joined() -> None:
    for thread in threading.enumerate():
        if thread.name == "rehearse web1":
            thread.join()


def test_the_templates_are_compiled_when_the_plan_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    templating._environment.cache_clear()
    rehearsal.begin(nginx_snapshot({}))
    joined()
    cache = templating._environment().cache
    assert cache is not None
    assert sorted(name for _, name in cache) == ["limit-req.conf.j2", "oom.conf.j2", "restart.conf.j2"]


def test_what_goes_wrong_is_told_by_the_plan_and_not_before(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise RemediateError("templates: not found")

    templating._environment.cache_clear()
    monkeypatch.setattr("remediations.resources.templates", missing)
    rehearsal.begin(nginx_snapshot({}))
    joined()
    assert capfd.readouterr().err == ""
    with pytest.raises(RemediateError, match="templates: not found"):
        templating.compile_all()
