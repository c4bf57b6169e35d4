"""Whether answers are good: what a bad one is, what says nothing, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations import diagnosis, health
from remediations.facts.http import HttpAnswer, Probe, parse
from tests.builders import nginx_snapshot

DERIVED = Probe("http://shop.example/", connect="127.0.0.1:80", derived=True)


def answer(probe: Probe, status: int | None, *, contains: bool = True, failure: str | None = None) -> HttpAnswer:
    return HttpAnswer(probe, status, 10, contains, f"HTTP/1.1 {status}" if status else "", "body", failure)


def test_the_summary_says_how_many_questions_had_no_room() -> None:
    good, bad = answer(DERIVED, 200), answer(DERIVED, 502)
    assert health.judge((good,)).summary == "http://shop.example/: 200"
    assert health.judge((good,), 699).summary.endswith("; 1 of 700 questions asked")
    assert health.judge((bad,), 699).summary.endswith("status 502; 1 of 700 questions asked")


def test_the_status_of_a_limit_is_no_fault_and_no_praise() -> None:
    limited = replace(DERIVED, url="http://shop.example/login", limit=503)
    judged = health.judge((answer(limited, 503), answer(DERIVED, 200)))
    assert (judged.ok, judged.status) == (True, 200)
    assert "1 held back by a limit_req (503)" in judged.summary
    assert health.judge((answer(limited, 502),)).ok is False
    assert health.judge((answer(replace(limited, limit=429), 503),)).ok is False
    assert health.judge((answer(DERIVED, 503),)).ok is False


def test_what_nginx_was_told_to_refuse_is_no_fault_and_no_praise() -> None:
    off = replace(DERIVED, url="http://old.example/", switched_off=503)
    page = replace(answer(off, 503), body="<hr><center>nginx</center>")
    judged = health.judge((page, answer(DERIVED, 200)))
    assert (judged.ok, judged.status) == (True, 200)
    assert "1 switched off by an `if` of nginx's configuration (503)" in judged.summary
    assert health.judge((answer(off, 503),)).ok is False  # the app's own
    assert health.judge((replace(page, status=502),)).ok is False


@pytest.mark.parametrize(("status", "ok"), [(None, True), (503, True), (404, True), (502, False), (504, False)])
def test_of_a_site_that_nginx_has_not_read_only_a_dead_backend_counts(status: int | None, ok: bool) -> None:
    unread = replace(DERIVED, url="http://new.example/", live=False)
    judged = health.judge((answer(DERIVED, 200), answer(unread, status, failure="connection refused")))
    assert judged.ok is ok
    assert ("nginx has not read" in judged.summary) is ok


def test_probes_under_a_limit_are_asked_once_and_the_others_until_there_are_enough_answers() -> None:
    limited = replace(DERIVED, url="http://shop.example/login", limit=503)
    assert health.rounds([DERIVED], 3) == [DERIVED] * 3
    assert health.rounds([limited], 3) == [limited]
    assert health.rounds([DERIVED, limited], 3) == [DERIVED, limited, DERIVED]


def test_without_a_question_health_is_unknown_and_says_how_to_name_one() -> None:
    judged = health.judge(())
    assert judged.ok is None
    assert "health: {url: " in judged.summary


def test_a_missing_text_is_named_in_the_unknown_finding() -> None:
    asked = Probe("http://localhost/", contains="</html>")
    snapshot = replace(nginx_snapshot({}), answers=(answer(asked, 200, contains=False),))
    (finding,) = diagnosis.diagnose(snapshot)
    assert finding.cause == "unknown"
    assert "the text '</html>' is missing from the answer of http://localhost/" in finding.summary
    refused = replace(snapshot, answers=(answer(asked, None, contains=False, failure="connection refused"),))
    assert "is missing" not in diagnosis.diagnose(refused)[0].summary


def test_a_name_that_the_host_cannot_resolve_gets_a_setting_that_needs_no_resolver() -> None:
    answers = parse(b"rc 0 6\nanswer 0 0 0  \n", [Probe("https://tls.example/ready")])
    assert isinstance(answers, tuple)
    summary = health.judge(answers).summary
    assert "does not resolve on the host itself, from where it was asked" in summary
    assert "health: {url: http://localhost/ready, host: tls.example}" in summary
