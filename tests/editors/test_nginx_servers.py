"""Servers, their addresses and their locations are what nginx makes of them."""

from __future__ import annotations

import pytest

from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_servers import default_server, endpoints, location, servers, speaks_tls
from tests.editors.nginx_trees import http, node, tree


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("80", Address("*", 80)),
        ("*:8080", Address("*", 8080)),
        ("0.0.0.0:80", Address("*", 80)),
        ("127.0.0.1", Address("127.0.0.1", 80)),
        ("127.0.0.1:8001", Address("127.0.0.1", 8001)),
        ("[::]:80", Address("::", 80)),
        ("[::1]", Address("::1", 80)),
        ("[2001:DB8::0:1]:443", Address("2001:db8::1", 443)),
        ("localhost:8000", Address("localhost", 8000)),
        ("unix:/run/x.sock", Address(path="/run/x.sock")),
    ],
)
def test_a_listen_names_an_address(written: str, address: Address) -> None:
    (server,) = servers(http(f"server {{ listen {written}; }}"))
    assert [listen.address for listen in server.listens] == [address]


def test_flags_of_a_listen() -> None:
    (server,) = servers(http("server { listen 443 ssl http2 default_server proxy_protocol; listen 80 default; }"))
    first, second = server.listens
    assert (first.ssl, first.default_server, first.proxy_protocol) == (True, True, True)
    assert (second.ssl, second.default_server, second.proxy_protocol) == (False, True, False)


def test_a_server_without_listen_listens_on_port_80() -> None:
    (server,) = servers(http("server { }"))
    (listen,) = server.listens
    assert (listen.address, listen.default_server, listen.node) == (Address("*", 80), False, None)


def test_the_old_ssl_directive_makes_every_listen_speak_tls() -> None:
    (server,) = servers(http("server { ssl on; listen 443; }"))
    assert server.listens[0].ssl


def test_one_server_that_says_ssl_says_it_for_its_address() -> None:
    found = http("server { listen 443 ssl; } server { listen 443; } server { listen 80; }")
    assert speaks_tls(found, Address("*", 443))
    assert not speaks_tls(found, Address("*", 80))


def test_the_marked_server_answers_by_default_else_the_first() -> None:
    found = http(
        "server { server_name a; listen 80; listen 81; }"
        "server { server_name b; listen *:80 default_server; listen 81; listen 82; }"
    )
    answers = {str(each): server.names for each in endpoints(found) if (server := default_server(found, each))}
    assert answers == {"*:80": ("b",), "*:81": ("a",), "*:82": ("b",)}
    assert default_server(found, Address("*", 83)) is None


def test_names_are_collected_and_those_a_request_can_carry_are_told_apart() -> None:
    (server,) = servers(http(r'server { server_name a.b .c.d *.e f.* ~^g$ _ ""; server_name a.b h; }'))
    assert server.names == ("a.b", ".c.d", "*.e", "f.*", "~^g$", "_", "", "a.b", "h")
    assert server.literal_names == ("a.b", "c.d", "h")


def test_servers_of_stream_and_of_upstreams_are_no_sites() -> None:
    found = tree("stream { server { listen 1; } } http { upstream u { server x; } server { listen 2; } }")
    assert [each.listens[0].address.port for each in servers(found)] == [2]
    assert servers(tree("events {}")) == ()


def test_the_root_is_the_servers_or_that_of_http() -> None:
    first, second = servers(http("root /a; server { root /b; } server { location / { root /c; } }"))
    assert (first.root, second.root) == ("/b", "/a")


@pytest.mark.parametrize(
    ("written", "modifier", "path"),
    [
        ("/a", "", "/a"),
        ("= /a", "=", "/a"),
        ("=/a", "=", "/a"),
        ("^~ /a", "^~", "/a"),
        ("^~/a", "^~", "/a"),
        (r"~ \.php$", "~", r"\.php$"),
        (r"~\.php$", "~", r"\.php$"),
        (r"~*\.php$", "~*", r"\.php$"),
        (r"~* \.php$", "~*", r"\.php$"),
        ("@a", "@", "@a"),
        ('"/a b"', "", "/a b"),
    ],
)
def test_a_location_is_a_modifier_and_a_path(written: str, modifier: str, path: str) -> None:
    found = location(node(http(f"server {{ location {written} {{ }} }}"), "http", "server", "location"))
    assert (found.modifier, found.path) == (modifier, path)


def test_locations_include_nested_ones_and_those_of_included_files() -> None:
    (server,) = servers(http("server { location /a { location /a/b { } } include l; }", {"l": "location /c { }"}))
    assert [each.path for each in server.locations] == ["/a", "/a/b", "/c"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/api/ { }", "/api/"),
        ("= /x { }", "/x"),
        ("^~ /y { }", "/y"),
        (r"~ \.php$ { }", "/index.php"),
        (r"~* \.php$ { }", "/index.php"),
        (r"~ [^/]\.php(/|$) { }", "/index.php"),
        (r"~ ^(.+\.php)(.*)$ { }", "/index.php"),
        (r"~ ^/admin/.*\.php$ { }", None),
        (r"~ \.(jpg|png)$ { }", None),
        (r"~ ^/index { }", None),
        (r"~ ^(?<script>.+\.php)(?<path>/.*)?$ { }", "/index.php"),
        (r"~ (?<x>\.php$ { }", None),
        (r"~ [[:alpha:]]\.php$ { }", None),
        ("@named { }", None),
        ("= /50x.html { internal; }", None),
        ("api { }", None),
    ],
)
def test_a_path_to_ask_for_where_one_can_be_formed(written: str, path: str | None) -> None:
    found = location(node(http(f"server {{ location {written} }}"), "http", "server", "location"))
    assert found.literal_path == path


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "name", "name:1", "unix:/run/a b.sock"])
def test_an_address_is_printed_as_nginx_writes_it(text: str) -> None:
    assert str(parse_address(text, None)) == text


@pytest.mark.parametrize("text", ["", ":80", "a:b", "a:80:90", "[::1]x"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text, 80) is None


def test_an_address_says_whether_it_needs_a_resolver() -> None:
    literal = [parse_address(text, 80) for text in ("1.2.3.4", "[::1]:1", "unix:/x")]
    assert all(each and each.is_literal for each in literal)
    name = parse_address("app.internal", 80)
    assert name is not None
    assert not name.is_literal
