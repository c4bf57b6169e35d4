"""Who made a page. Those in tests/data/pages were recorded: nginx 1.22 and PHP-FPM 8.2, Apache 2.4, WordPress 6.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediations import layer

PAGES = Path(__file__).parent / "data" / "pages"
RECORDED = {
    "nginx-502": "nginx",
    "nginx-502-own-page": "nginx",
    "apache-502": "apache",
    "apache-503": "apache",
    "apache-503-signed": "apache",
    "php-fatal-shown": "php",
    "php-fpm-not-found": "php",
    "wordpress-critical": "wordpress",
    "wordpress-database": "wordpress",
    "wordpress-maintenance": "wordpress",
}
CLOUDFLARE = "Server: cloudflare\r\nCF-RAY: 8f1-FRA\r\n"
# Hand-made after the documents of Cloudflare and AWS: neither can be had without them.
ALB = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"


def parts(name: str) -> tuple[int, str, str]:
    head, _, body = (PAGES / f"{name}.http").read_bytes().decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def made(status: int | None, head: str = "", body: str = "") -> str:
    return layer.maker(status, f"HTTP/1.1 {status} x\r\n{head}", body)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_page_is_told_by_its_first_kibibyte(name: str) -> None:
    status, head, body = parts(name)
    assert layer.maker(status, head, body[:1000]) == RECORDED[name]


def test_every_recorded_page_has_its_expectation() -> None:
    assert {path.stem for path in PAGES.iterdir()} == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_page_that_cloudflare_hands_on_is_still_who_made_it(name: str) -> None:
    status, head, body = parts(name)
    lines = [line for line in head.split("\r\n") if not line.startswith("Server:")]
    assert layer.maker(status, "\r\n".join([*lines, CLOUDFLARE]), body) == (
        "app" if "own-page" in name else RECORDED[name]
    )


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 525, 526, 530])
def test_a_status_that_only_cloudflare_gives_is_cloudflares(status: int) -> None:
    assert made(status, CLOUDFLARE) == "cloudflare"
    assert made(status, "Server: nginx\r\n") == "app"


@pytest.mark.parametrize(
    "body",
    ["error code: 502", "<html><head><title>shop.example | 502: Bad gateway</title>", "<p>Cloudflare Ray ID: 8f1"],
)
def test_cloudflares_own_pages_are_told_from_those_that_it_hands_on(body: str) -> None:
    assert made(502, CLOUDFLARE, body) == "cloudflare"
    assert made(502, CLOUDFLARE, "Sorry") == "app"
    assert made(502, "Server: nginx\r\n", body) == "app"


def test_a_load_balancer_signs_its_own_pages_only() -> None:
    assert made(502, "Server: awselb/2.0\r\n", ALB) == "alb"
    assert made(502, "Server: Jetty\r\n", ALB) == "app"


def test_a_file_that_nginx_serves_is_its_own_word_only_for_an_error() -> None:
    head = 'Server: nginx/1.22.1\r\nETag: "6b0a240a-2b"\r\n'
    assert made(502, head, "Sorry") == "nginx"
    assert made(404, head, "Sorry") == "app"
    assert made(502, 'Server: nginx\r\nETag: "v1"\r\n', "Sorry") == "app"
    assert made(502, 'Server: gunicorn\r\nETag: "6b0a240a-2b"\r\n', "Sorry") == "app"


def test_wordpress_and_php_sign_in_the_head() -> None:
    assert made(500, "X-Powered-By: PHP/8.2.36\r\n") == "php"
    assert (
        made(500, 'Link: <https://shop.example/wp-json/>; rel="https://api.w.org/"\r\nX-Powered-By: PHP/8.2\r\n')
        == "wordpress"
    )
    assert made(500, "Server: nginx\r\n", "oops") == "app"


def test_no_answer_is_the_networks() -> None:
    assert made(None) == "network"


def test_who_stands_before_the_server_is_told_by_the_head() -> None:
    assert layer.through(f"HTTP/1.1 200 OK\r\n{CLOUDFLARE}") == ("Cloudflare",)
    assert layer.through("HTTP/1.1 200 OK\r\nServer: nginx") == ()
