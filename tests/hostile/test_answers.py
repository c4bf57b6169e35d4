"""Whatever comes in place of an answer: an end in time, little memory, a clear error, nothing raw, no claim."""

from __future__ import annotations

import json

import pytest

from tests.hostile.conftest import APPLY, Ask, check
from tests.hostile.host import Host
from tests.hostile.misdeeds import OF_AN_ANSWER, OF_FACTS

ANY = OF_AN_ANSWER | OF_FACTS
WHILE_CHANGING = (
    "endless stdout", "endless stderr after its end", "an endless exit code", "an exit code of five thousand digits",
    "no exit code, then the end", "silence", "the end at once", "the connection closed",
    "the markers of another script", "the end marker before the answer", "the script itself", "bytes that are no text",
)  # fmt: skip


@pytest.mark.parametrize(("number", "name"), list(enumerate(ANY)), ids=lambda value: str(value))
def test_facts_that_are_no_answer_are_an_error_of_the_host(ask: Ask, number: int, name: str) -> None:
    """Every other one is asked for in JSON: the error is the same."""
    host = Host(misdeeds={"facts": ANY[name]})
    answer = ask(host, *APPLY, "--format", ("text", "json")[number % 2])
    check(answer, 3, 4)
    assert "begin" not in host.asked, "it was changed without having been seen"
    assert "web1: " in answer.stdout
    assert "changed, healthy" not in answer.stdout


@pytest.mark.parametrize("stage", ["proof", "begin", "confirm"])
@pytest.mark.parametrize("name", WHILE_CHANGING)
def test_a_change_that_the_host_does_not_report_is_not_claimed(ask: Ask, stage: str, name: str) -> None:
    host = Host("service-stopped", misdeeds={stage: OF_AN_ANSWER[name]})
    answer = ask(host, *APPLY, "--format", "json")
    check(answer, 0, 3, 4) if stage == "proof" else check(answer, 3)
    (found,) = json.loads(answer.stdout)["hosts"]
    if stage != "proof":
        assert found["status"] == "unknown", found
        assert found["changes"] == []
        assert found["error"].startswith("web1: ")
