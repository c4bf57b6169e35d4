"""What visitors ask, put to the right server of the host: by its name, with TLS where it has some, else without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations import questions
from remediations.facts.base import Unknown
from remediations.health_settings import DERIVED, HealthSettings, visitors_url
from tests.builders import nginx_snapshot

CONF = b"""events {}
http {
    server { listen 80 default_server; server_name _; }
    server { listen 80; listen 443 ssl; server_name shop.example; }
    server { listen 10.0.0.5:8080; server_name *.apps.example; }
}
"""
HOST = nginx_snapshot({"/etc/nginx/nginx.conf": CONF})


@pytest.mark.parametrize(
    ("url", "asked", "connect"),
    [
        ("http://shop.example/a?b=c", "http://shop.example/a?b=c", "127.0.0.1:80"),
        ("https://shop.example/", "https://shop.example/", "127.0.0.1:443"),
        ("https://one.apps.example/", "http://one.apps.example/", "10.0.0.5:8080"),
        ("http://192.0.2.7/", "http://192.0.2.7/", "127.0.0.1:80"),
    ],
)
def test_the_server_of_that_name_is_asked_where_it_listens(url: str, asked: str, connect: str) -> None:
    probe = questions.at_origin(url, DERIVED, HOST)
    assert (probe.url, probe.connect) == (asked, connect)


def test_without_a_configuration_loopback_is_asked_at_the_port_of_the_url() -> None:
    blind = replace(HOST, nginx=Unknown("no root"))
    assert questions.at_origin("https://x.example:8443/", DERIVED, blind).connect == "127.0.0.1:8443"


def test_it_comes_first_and_takes_the_place_of_the_same_question() -> None:
    plain = questions.questions(DERIVED, HOST).probes
    also = questions.questions(HealthSettings(also="http://shop.example/"), HOST).probes
    assert also[0].url == "http://shop.example/"
    assert len({(probe.url, probe.connect) for probe in also}) == len(also)
    assert len(also) <= len(plain) + 1


def test_a_url_without_a_path_means_the_first_page() -> None:
    assert visitors_url("https://shop.example") == "https://shop.example/"
    assert visitors_url("https://shop.example?a=b") == "https://shop.example/?a=b"
