"""Whom nginx still waits for when we hang up: a real host's answers with hanging ones put in their place."""

from __future__ import annotations

import dataclasses

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.snapshot import Snapshot
from tests.causes.alter import found
from tests.causes.recorded import snapshot

API, APP = "api.example", "127.0.0.1:8001"


def hanging(site: str, *unreached: str) -> Snapshot:
    """The healthy host, but that the answers of one site do not come."""
    host = snapshot("healthy")
    assert not isinstance(host.answers, Unknown)
    answers = tuple(
        dataclasses.replace(one, status=None, failure=one.probe.too_late, unreached=unreached)
        if site in one.probe.sites else one
        for one in host.answers
    )  # fmt: skip
    return dataclasses.replace(host, answers=answers)


def test_a_connect_that_nobody_answers_is_named_before_nginx_says_so() -> None:
    (finding,) = diagnosis.diagnose(hanging(API, APP))
    assert (finding.cause, finding.subject, finding.confidence) == ("firewall-drop", APP, "likely")
    assert finding.evidence[0].source == "socket"
    assert "app@8001.service listens there" in finding.summary


def test_a_site_that_hangs_while_all_connects_are_answered_is_slow() -> None:
    assert [cause for cause, _ in found(hanging(API))] == ["slow-upstream"]


def test_what_another_sites_requests_wait_for_explains_nothing_here() -> None:
    assert [cause for cause, _ in found(hanging("shop.example", APP))] == ["slow-upstream"]


def test_an_address_to_which_nginx_passes_nothing_is_not_named() -> None:
    assert [cause for cause, _ in found(hanging(API, "192.0.2.77:443", "nonsense"))] == ["slow-upstream"]
