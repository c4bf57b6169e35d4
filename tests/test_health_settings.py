"""The `health` keys are typed, and exactly one place says what healthy means."""

from __future__ import annotations

import pytest

from remediations.errors import PlaybookError, UsageError
from remediations.health_settings import DERIVED, HealthSettings, choose, from_url, parse
from remediations.yaml.node import Source
from remediations.yaml.source import load_text


def read(text: str) -> HealthSettings | None:
    return parse(load_text(text, Source("play.yml", PlaybookError)).mapping("")["health"])


def settings(text: str) -> HealthSettings:
    found = read(text)
    assert found is not None
    return found


def test_every_key_is_read() -> None:
    text = 'health: {url: "http://localhost/", host: example.com, status: 200-399, contains: "</html>", timeout: 2s}'
    assert read(text) == HealthSettings(
        "http://localhost/", "example.com", ((200, 399),), "</html>", 2.0, origin="play.yml:1"
    )


def test_what_is_left_out_has_the_defaults() -> None:
    assert read("health: {}") == HealthSettings(None, None, ((200, 399),), None, 5.0, origin="play.yml:1")


def test_null_means_not_set_here() -> None:
    assert read("health:") is None


@pytest.mark.parametrize(
    ("status", "spans"),
    [
        ("200", ((200, 200),)),
        ('"200-299"', ((200, 299),)),
        ("200-299,404", ((200, 299), (404, 404))),
        ("[200, 301-308]", ((200, 200), (301, 308))),
        ("[401]", ((401, 401),)),
    ],
)
def test_a_status_is_a_number_a_range_or_a_list(status: str, spans: tuple[tuple[int, int], ...]) -> None:
    assert settings(f"health:\n  status: {status}\n").status == spans


def test_a_status_is_accepted_inside_a_span_with_both_ends() -> None:
    found = settings("health: {status: [200-204, 404]}")
    assert [status for status in (199, 200, 204, 205, 403, 404, 502) if found.accepts(status)] == [200, 204, 404]


@pytest.mark.parametrize(("timeout", "seconds"), [("5", 5.0), ("0.5", 0.5), ("5s", 5.0), ("500ms", 0.5), ("2m", 120.0)])
def test_a_timeout_is_in_seconds_or_has_a_unit(timeout: str, seconds: float) -> None:
    assert settings(f"health: {{timeout: {timeout}}}").timeout == seconds


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "https://example.com",
        "http://127.0.0.1:8080/health?deep=1&x=%20",
        "http://[::1]:8080/",
        "https://example.com?x",
    ],
)
def test_a_url_is_http_or_https(url: str) -> None:
    assert settings(f'health: {{url: "{url}"}}').url == url
    assert from_url(url) == HealthSettings(url=url, origin="--health-url")


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "/health",
        "ftp://x/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://user:password@x/",
        "http://x/a b",
        "http://x/#part",
        "http://ü/",
        "http://x/ü",
        "http://x:0/",
        "http://x:99999/",
        "-K/etc/passwd",
        "http://x/\nHost: y",
        "",
    ],
)
def test_what_is_no_url_is_refused_in_the_option_too(url: str) -> None:
    with pytest.raises(UsageError, match="--health-url: expected a URL"):
        from_url(url)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("urll: x", "play.yml:2: health: unknown key 'urll' (did you mean 'url'?); allowed: url, host, status"),
        ("url: [http://x/]", "play.yml:2: health.url: expected a URL, got a list"),
        ("url:", "play.yml:2: health.url: expected a URL, got nothing (null)"),
        ("url: yes", "play.yml:2: health.url: expected a URL, got the boolean yes"),
        ("host: 'a b'", "health.host: expected a Host header such as example.com, got 'a b'"),
        ("host: '-x'", "health.host: expected a Host header"),
        ('host: "a\\r\\nX: y"', "health.host: expected a Host header, got control characters"),
        ("status: 99", "health.status: expected a status such as 200"),
        ("status: 600", "(100 to 599, the lower first), got '600'"),
        ("status: 399-200", "got '399-200'"),
        ("status: yes", "health.status: expected a status such as 200"),
        ("status: []", "health.status: expected a status such as 200"),
        ("status: 2xx", "got '2xx'"),
        ("contains: ''", "health.contains: expected the text that a healthy page contains, got empty text"),
        ("contains: {}", "health.contains: expected the text that a healthy page contains, got a mapping"),
        ("timeout: 0", "health.timeout: expected a time such as 5s or 500ms, above 0 and up to 300s, got '0'"),
        ("timeout: -1", "got '-1'"),
        ("timeout: 1h", "got '1h'"),
        ("timeout: 10000", "got '10000'"),
        ("timeout: .inf", "got '.inf'"),
        ("timeout: true", "got the boolean true"),
    ],
)
def test_a_wrong_key_names_file_line_and_what_is_wanted(keys: str, message: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        read(f"health:\n  {keys}\n")
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["http://x/", "[a]", "5", "yes"])
def test_health_is_a_mapping(value: str) -> None:
    with pytest.raises(PlaybookError, match=r"play\.yml:1: health: expected a mapping with the keys url"):
        read(f"health: {value}")


def test_option_inventory_playbook_and_derived_count_in_this_order() -> None:
    inventory, playbook = HealthSettings(contains="inventory"), HealthSettings(contains="playbook")
    assert choose("http://x/", inventory, playbook) == HealthSettings(url="http://x/", origin="--health-url")
    assert choose(None, inventory, playbook) is inventory
    assert choose(None, None, playbook) is playbook
    assert choose(None, None, None) is DERIVED
