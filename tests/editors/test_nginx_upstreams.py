"""Groups, their servers, and where every *_pass leads."""

from __future__ import annotations

import pytest

from remediations.editors.nginx_upstreams import Upstream, backends, pass_targets, upstreams
from tests.editors.nginx_trees import http, tree


def _group(inside: str) -> Upstream:
    return upstreams(http(f"upstream app {{ {inside} }}"))[0]


def test_a_server_line_is_an_address_parameters_and_flags() -> None:
    (server,) = _group("server 10.0.0.1:81 max_fails=1 weight=2 max_fails=3 route=a=b backup down;").servers
    assert str(server.address) == "10.0.0.1:81"
    assert server.parameters == {"max_fails": "3", "weight": "2", "route": "a=b"}
    assert (server.backup, server.down) == (True, True)


@pytest.mark.parametrize(
    ("written", "address"),
    [("10.0.0.1", "10.0.0.1:80"), ("app.internal", "app.internal:80"), ("[::1]:5", "[::1]:5"), ("unix:/x", "unix:/x")],
)
def test_a_servers_port_is_80_where_none_is_written(written: str, address: str) -> None:
    assert str(_group(f"server {written};").servers[0].address) == address


def test_only_servers_directly_inside_count_and_their_file_is_known() -> None:
    found = http("upstream app { include s; } server { location / { } }", {"s": "server a; server b;"})
    (group,) = upstreams(found)
    assert [server.text for server in group.servers] == ["a", "b"]
    assert {server.node.file for server in group.servers} == {"/etc/nginx/s"}


def test_a_groups_balancer_and_zone() -> None:
    group = _group("zone app 64k; ip_hash; server a;")
    assert group.balancer is not None
    assert (group.balancer.name, group.zone) == ("ip_hash", "app")
    assert (_group("server a;").balancer, _group("server a;").zone) == (None, None)


def test_groups_of_stream_have_a_name_space_of_their_own() -> None:
    found = tree(
        "stream { upstream app { server a:1; } server { listen 2; proxy_pass app; } }"
        "http { upstream app { server b:1; } server { location / { proxy_pass http://app; } } }"
    )
    assert [str(each.address) for each in backends(found)] == ["b:1"]
    assert upstreams(tree("stream { upstream app { server a:1; } }")) == ()


@pytest.mark.parametrize(
    ("written", "scheme", "address"),
    [
        ("proxy_pass http://10.0.0.1", "http", "10.0.0.1:80"),
        ("proxy_pass https://10.0.0.1", "https", "10.0.0.1:443"),
        ("proxy_pass HTTP://10.0.0.1:8001/a/b?c", "http", "10.0.0.1:8001"),
        ("proxy_pass http://[::1]:8001/", "http", "[::1]:8001"),
        ("proxy_pass http://localhost:3000", "http", "localhost:3000"),
        ("proxy_pass http://unix:/run/a.sock:/uri/", "http", "unix:/run/a.sock"),
        ("proxy_pass http://unix:/run/a.sock", "http", "unix:/run/a.sock"),
        ("proxy_pass http://10.0.0.1:8001/$1", "http", "10.0.0.1:8001"),
        ("proxy_pass http://10.0.0.1:8001$request_uri", "http", "10.0.0.1:8001"),
        ("proxy_pass http://10.0.0.1:8001${uri}", "http", "10.0.0.1:8001"),
        ("proxy_pass http://10.0.0.1:8001?a=$x", "http", "10.0.0.1:8001"),
        ("fastcgi_pass unix:/run/php/a.sock", "fastcgi", "unix:/run/php/a.sock"),
        ("fastcgi_pass 127.0.0.1:9000", "fastcgi", "127.0.0.1:9000"),
        ("uwsgi_pass uwsgi://127.0.0.1:9000", "uwsgi", "127.0.0.1:9000"),
        ("uwsgi_pass suwsgi://127.0.0.1:9000", "suwsgi", "127.0.0.1:9000"),
        ("scgi_pass unix:/x", "scgi", "unix:/x"),
        ("grpc_pass 127.0.0.1:50051", "grpc", "127.0.0.1:50051"),
        ("grpc_pass grpcs://127.0.0.1", "grpcs", "127.0.0.1:443"),
        ("grpc_pass grpc://127.0.0.1", "grpc", "127.0.0.1:80"),
    ],
)
def test_a_pass_leads_to_an_address(written: str, scheme: str, address: str) -> None:
    (target,) = pass_targets(http(f"server {{ location / {{ {written}; }} }}"))
    assert (target.scheme, str(target.address), target.upstream, target.variable) == (scheme, address, None, None)


@pytest.mark.parametrize(
    "written",
    ["proxy_pass http://app", "proxy_pass https://APP/x", "fastcgi_pass app", "uwsgi_pass app", "grpc_pass grpc://app"],
)
def test_a_pass_leads_to_a_group_whatever_the_case_of_its_name(written: str) -> None:
    found = http(f"server {{ location / {{ {written}; }} }} upstream App {{ server a:1; server unix:/b; }}")
    (target,) = pass_targets(found)
    assert target.upstream is not None
    assert target.upstream.name == "App"
    assert [str(address) for address in target.addresses] == ["a:1", "unix:/b"]


@pytest.mark.parametrize(
    ("written", "candidates"),
    [
        ("http://$up", ("app_blue", "app_green", "api")),
        ("http://app_$colour", ("app_blue", "app_green")),
        ("http://app_${colour}/x", ("app_blue", "app_green")),
        ("http://${x}_green", ("app_green",)),
        ("$scheme://api", ("api",)),
        ("$url", ("app_blue", "app_green", "api")),
        ("http://$up.example.com", ()),
        ("http://127.0.0.1:$port", ()),
    ],
)
def test_a_variable_may_name_any_group_that_fits_around_it(written: str, candidates: tuple[str, ...]) -> None:
    groups = "upstream app_blue { server a; } upstream app_green { server b; } upstream api { server c; }"
    (target,) = pass_targets(http(f"{groups} server {{ location / {{ proxy_pass {written}; }} }}"))
    assert (target.variable, target.address, target.upstream) == (written, None, None)
    assert target.candidates == candidates
    assert target.addresses == ()


def test_passes_inside_if_and_limit_except_belong_to_their_location() -> None:
    found = http(
        "server { location /a { if ($x) { proxy_pass http://b:1; } limit_except GET { proxy_pass http://c:2; } } }"
    )
    targets = pass_targets(found)
    assert [(each.location and each.location.path, str(each.address)) for each in targets] == [
        ("/a", "b:1"),
        ("/a", "c:2"),
    ]


def test_backends_stand_once_for_each_group_with_all_that_leads_there() -> None:
    found = http(
        "upstream app { server a:1; server b:2 backup; }"
        "server { location / { proxy_pass http://app; } location /x { proxy_pass http://app/; }"
        " location /y { proxy_pass http://a:1; } }"
    )
    assert [(str(each.address), each.upstream, len(each.targets)) for each in backends(found)] == [
        ("a:1", "app", 2),
        ("b:2", "app", 2),
        ("a:1", None, 1),
    ]


def test_a_group_that_nothing_leads_to_has_no_backends() -> None:
    assert backends(http("upstream app { server a:1; }")) == ()
