"""What stands between visitors and the host: a recorded host, and what came back at the control side.

The answers of Cloudflare and of AWS's load balancer are hand-made after their documents: neither can be had here.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations import diagnosis, origin
from remediations.causes import path
from remediations.facts.base import Unknown
from remediations.facts.outside import Outside, Trouble
from remediations.snapshot import Snapshot
from tests.causes import recorded

URL = "https://shop.example/"
CLOUDFLARE = "Server: cloudflare\r\nCF-RAY: 8f1-FRA"
NGINX_502 = "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>"


@pytest.fixture(scope="module")
def healthy() -> Snapshot:
    return recorded.snapshot("healthy")


@pytest.fixture(scope="module")
def broken() -> Snapshot:
    return recorded.snapshot("service-crashed")


def seen(host: Snapshot, status: int | None, head: str = "", body: str = "page", **more: str) -> Snapshot:
    line = f"HTTP/1.1 {status} x\r\n{head}"
    return replace(host, outside=Outside(URL, "192.0.2.7", status, line, body, **more))  # type: ignore[arg-type]  # each test knows its fields


def found(host: Snapshot) -> list[tuple[str, str]]:
    return [(finding.cause, finding.subject) for finding in diagnosis.diagnose(host)]


def said(host: Snapshot) -> str:
    assert host.outside is not None
    return origin.compared(host, host.outside)


@pytest.mark.parametrize(
    "cause",
    [
        "cloudflare-520", "cloudflare-521", "cloudflare-522", "cloudflare-523", "cloudflare-524", "cloudflare-525",
        "cloudflare-526", "cloudflare-530",
    ],
)  # fmt: skip
def test_a_code_of_cloudflares_own_is_its_own_cause(healthy: Snapshot, cause: str) -> None:
    host = seen(healthy, int(cause.removeprefix("cloudflare-")), CLOUDFLARE)
    assert found(host) == [(cause, "shop.example")]
    (finding,) = diagnosis.diagnose(host)
    assert finding.remediation is None
    assert finding.evidence[0].source == "http"
    assert "the host is good, the way to it is not" in finding.evidence[0].text


@pytest.mark.parametrize(
    ("status", "cause"), [(503, "alb-no-healthy-target"), (502, "alb-target-unhealthy"), (504, "alb-target-unhealthy")]
)
def test_an_answer_of_the_load_balancers_own_is_told(healthy: Snapshot, status: int, cause: str) -> None:
    host = seen(healthy, status, "Server: awselb/2.0", "<center><h1>x</h1></center>")
    assert found(host) == [(cause, "shop.example")]


def test_the_hosts_own_cause_comes_before_what_cloudflare_makes_of_it(broken: Snapshot) -> None:
    assert [cause for cause, _ in found(seen(broken, 521, CLOUDFLARE))] == ["service-crashed", "cloudflare-521"]


def test_the_same_page_on_both_sides_is_the_same_fault_and_no_finding_of_its_own(broken: Snapshot) -> None:
    host = seen(broken, 502, CLOUDFLARE, NGINX_502)
    assert said(host).endswith("on the host itself status 502: the same fault")
    assert not list(path.find(host))
    assert said(seen(broken, 504, "", NGINX_502)).endswith("another fault")


TROUBLES: tuple[Trouble, ...] = ("dns", "refused", "timeout", "unreachable", "tls", "closed")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_host_that_is_good_and_cannot_be_reached_has_a_broken_path(healthy: Snapshot, trouble: Trouble) -> None:
    host = seen(healthy, None, trouble=trouble, failure="because")
    assert found(host) == [("path-broken", "192.0.2.7")]
    (finding,) = diagnosis.diagnose(host)
    assert "from here it is bad: because" in finding.summary
    assert finding.advice


def test_a_bad_page_that_the_host_did_not_make_is_somebody_elses(healthy: Snapshot) -> None:
    (finding,) = diagnosis.diagnose(seen(healthy, 502, "Server: nginx", NGINX_502))
    assert finding.cause == "path-broken"
    assert "whose address is it?" in (finding.advice or "")


@pytest.mark.parametrize(
    ("why", "cause"),
    [("certificate has expired", "certificate-expired"), ("self-signed certificate", "certificate-invalid")],
)
def test_a_certificate_that_does_not_hold_is_a_cause_though_the_page_is_good(
    healthy: Snapshot, why: str, cause: str
) -> None:
    host = seen(healthy, 200, untrusted=why)
    assert found(host) == [(cause, "shop.example")]
    assert "browser's cache" not in said(host)


def test_good_on_both_sides_finds_nothing_and_says_what_a_visitor_can_try(healthy: Snapshot) -> None:
    assert found(seen(healthy, 200)) == []
    assert "browser's cache" in said(seen(healthy, 200))
    assert "browser's cache" not in said(seen(healthy, 404))


def test_good_from_here_and_bad_on_the_host_is_no_praise(broken: Snapshot) -> None:
    assert said(seen(broken, 200)).endswith("from here a cache or another server answers")


def test_nothing_is_compared_with_a_host_that_was_not_asked(healthy: Snapshot) -> None:
    host = seen(replace(healthy, answers=Unknown("no curl")), None, trouble="refused", failure="connection refused")
    assert said(host).endswith("the host itself was not asked the same")
    assert not list(path.find(host))


def test_without_a_url_there_is_nothing_to_say(healthy: Snapshot) -> None:
    assert not list(path.find(healthy))
