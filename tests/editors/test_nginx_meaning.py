"""What the tree says of addresses, groups, zones and paths is what the real nginx says of them."""

from __future__ import annotations

import os
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from remediations.editors.nginx_build import Build
from remediations.editors.nginx_paths import written_paths
from remediations.editors.nginx_servers import servers
from remediations.editors.nginx_tree import load
from remediations.editors.nginx_upstreams import pass_targets
from remediations.editors.nginx_zones import zones
from tests.editors.nginx_oracle import Nginx
from tests.editors.nginx_trees import http

pytestmark = pytest.mark.lab

LISTENS = ("80", "*:80", "0.0.0.0:80", "127.0.0.1", "127.0.0.1:80", "[::]:80", "[::1]", "[0:0::1]:80", "unix:/run/a")


def _ask(nginx: Nginx, inside: str) -> tuple[bool, str]:
    verdict = nginx.test(f"events {{}}\nhttp {{\n{inside}\n}}\n".encode())
    return verdict.accepts, verdict.output.decode()


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(LISTENS, 2)))
def test_two_listens_are_one_address_exactly_where_nginx_refuses_two_defaults(
    nginx: Nginx, one: str, other: str
) -> None:
    inside = f"server {{ listen {one} default_server; }} server {{ listen {other} default_server; }}"
    first, second = (server.listens[0].address for server in servers(http(inside)))
    accepts, said = _ask(nginx, inside)
    assert accepts != (first == second)
    assert accepts or "a duplicate default server" in said


@pytest.mark.parametrize(
    "target",
    ["http://app", "http://APP/x", "http://app?x", "http://127.0.0.1:1/app", "http://unix:/app:/app", "https://app/"],
)
def test_a_pass_leads_to_a_group_exactly_where_nginx_needs_that_group(nginx: Nginx, target: str) -> None:
    """Without the group its name would have to be resolved, and here nothing resolves."""
    passing = f"server {{ location / {{ proxy_pass {target}; }} }}"
    group = "upstream App { server 127.0.0.1:1; }"
    (found,) = pass_targets(http(group + passing))
    assert _ask(nginx, group + passing)[0]
    accepts, said = _ask(nginx, passing)
    assert accepts == (found.upstream is None)
    assert accepts or "host not found in upstream" in said


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("limit_req_zone $uri zone=x:1m rate=1r/s; limit_req zone=x;", True),
        ("limit_req_zone $uri zone=y:1m rate=1r/s; limit_req zone=x;", False),
        ("limit_req_zone $uri zone=x:1m rate=1r/s; limit_conn_zone $uri zone=x:1m;", False),
        ("limit_req_zone $uri zone=x:1m rate=1r/s; upstream a { zone x 64k; server 127.0.0.1:1; }", False),
        ("limit_req_zone $uri zone=x:1m rate=1r/s; proxy_cache_path cache keys_zone=x:1m;", False),
        ("limit_req_zone $uri zone=x:1m rate=1r/s; ssl_session_cache shared:x:1m;", False),
    ],
)
def test_a_zone_defined_twice_or_never_is_what_nginx_refuses(nginx: Nginx, written: str, accepted: bool) -> None:
    found = zones(http(written))
    names = [each.name for each in found]
    sound = all(each.kind for each in found) and len(names) == len(set(names))
    assert _ask(nginx, written)[0] == accepted == sound


def test_a_test_of_the_configuration_creates_no_path_that_we_did_not_foresee(nginx: Nginx, tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
        pid run.pid; lock_file a.lock; error_log {tmp_path}/main.log;
        events {{}}
        http {{
            access_log {tmp_path}/a.log; client_body_temp_path body; proxy_temp_path {tmp_path}/proxy;
            fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            proxy_cache_path cache levels=1:2 keys_zone=a:1m;
            server {{ listen unix:{tmp_path}/x.sock; error_log e.log; access_log {tmp_path}/$host.log; }}
        }}
    """)
    before = set(os.listdir(tmp_path))
    assert nginx.test_path(conf, "-t", str(tmp_path)).accepts
    created = {str(tmp_path / name) for name in set(os.listdir(tmp_path)) - before}
    foreseen = written_paths(load(str(conf), {str(conf): conf.read_bytes()}), Build(prefix=str(tmp_path)))
    assert {f"{tmp_path}/{name}" for name in ("main.log", "a.log", "e.log", "body", "cache", "run.pid")} <= created
    assert created <= set(foreseen)
    assert f"{tmp_path}/x.sock" in foreseen
