"""What applies at a place, what names are taken, and what nginx touches beside its configuration."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from remediations.editors.nginx_build import Build, parse_build
from remediations.editors.nginx_effective import effective, real_ip
from remediations.editors.nginx_paths import access_logs, error_logs, log_paths, pid_path, user, written_paths
from remediations.editors.nginx_snippets import snippet_place
from remediations.editors.nginx_zones import zones
from tests.editors.nginx_trees import http, node, tree

BUILD = Build()
LIMITED = """
    limit_req zone=outer;
    server {
        location /inherits { location /inherits/deep { proxy_pass http://a; } }
        location /own { limit_req zone=one; limit_req zone=two; if ($x) { set $y 1; } }
    }
"""


def test_a_level_without_its_own_inherits_all_from_the_next_one_that_has_any() -> None:
    found = http(LIMITED)
    deep = effective(node(found, "http", "server", "location /inherits", "location /inherits/deep"), "limit_req")
    assert deep.inherited
    assert deep.level is found.http
    assert [each.args for each in deep.nodes] == [("zone=outer",)]


def test_a_level_with_its_own_has_only_those() -> None:
    own = node(http(LIMITED), "http", "server", "location /own")
    found = effective(own, "limit_req")
    assert not found.inherited
    assert found.level is own
    assert [each.args for each in found.nodes] == [("zone=one",), ("zone=two",)]
    inside = effective(own.named("if")[0], "limit_req")
    assert inside.inherited
    assert inside.level is own


def test_around_a_simple_directive_its_block_is_the_level() -> None:
    found = http(LIMITED)
    passing = node(found, "http", "server", "location /inherits", "location /inherits/deep", "proxy_pass")
    assert effective(passing, "limit_req").level is found.http


def test_nothing_applies_where_no_level_says_anything() -> None:
    found = effective(node(http(LIMITED), "http", "server"), "limit_conn")
    assert not found
    assert found.nodes == ()


def test_what_an_included_file_sets_is_set_on_the_level_that_includes_it() -> None:
    found = http("server { location / { include proxy_params; } }", {"proxy_params": "proxy_read_timeout 5s;"})
    here = node(found, "http", "server", "location")
    assert effective(here, "proxy_read_timeout").level is here


def test_settings_of_the_main_level_reach_everywhere() -> None:
    found = tree("error_log /x; http { server { } }")
    assert effective(node(found, "http", "server"), "error_log").level is found.root


def test_real_ip_is_inherited_setting_by_setting() -> None:
    found = http("real_ip_header CF-Connecting-IP; server { set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:; }")
    inside = real_ip(node(found, "http", "server"))
    assert (inside.trusted, inside.header, inside.applies) == (("10.0.0.0/8", "unix:"), "CF-Connecting-IP", True)
    assert found.http is not None
    assert not real_ip(found.http).applies
    assert real_ip(node(http("server { }"), "http", "server")).header == "X-Real-IP"


def test_zones_of_all_kinds_share_one_name_space() -> None:
    found = http("""
        limit_req_zone $binary_remote_addr zone=req:10m rate=5r/s;
        limit_req_zone $host$uri rate=1r/m zone=keyed:1m;
        limit_conn_zone $server_name zone=conn:1m;
        proxy_cache_path /var/cache/x levels=1:2 keys_zone=cache:10m;
        upstream app { zone up 64k; server a; }
        server { ssl_session_cache builtin:1000 shared:SSL:10m; proxy_cache cache;
                 location / { limit_req zone=req burst=5; limit_req zone=nowhere; }
                 location /x { limit_conn conn 5; proxy_cache off; } }
        server { ssl_session_cache shared:SSL:10m; ssl_session_tickets off; }
    """)
    described = [(each.name, each.kind, each.key, each.rate, len(each.users)) for each in zones(found)]
    assert described == [
        ("req", "limit_req_zone", "$binary_remote_addr", "5r/s", 1),
        ("keyed", "limit_req_zone", "$host$uri", "1r/m", 0),
        ("conn", "limit_conn_zone", "$server_name", None, 1),
        ("cache", "proxy_cache_path", None, None, 1),
        ("up", "zone", None, None, 0),
        ("SSL", "ssl_session_cache", None, None, 0),
        ("nowhere", None, None, None, 1),
    ]
    assert [len(each.definitions) for each in zones(found) if each.name == "SSL"] == [2]


def test_a_name_that_two_kinds_define_stands_twice() -> None:
    found = zones(http("limit_req_zone $a zone=x:1m rate=1r/s; limit_conn_zone $b zone=x:1m;"))
    assert [(each.name, each.kind) for each in found] == [("x", "limit_req_zone"), ("x", "limit_conn_zone")]


def test_logs_are_those_of_the_innermost_level_and_of_the_build_where_none_is_set() -> None:
    found = http("""
        access_log /var/log/a.log;
        server { access_log logs/b.log main; access_log syslog:server=x; location / { access_log off; } }
        server { error_log /var/log/e.log warn; access_log /var/log/$host.log; }
    """)
    first, second = (each for each in found.walk() if each.name == "server")
    assert [log.path for log in access_logs(first, BUILD)] == ["/usr/share/nginx/logs/b.log", None]
    assert access_logs(node(found, "http", "server", "location"), BUILD) == ()
    assert [log.path for log in access_logs(second, BUILD)] == [None]
    assert [log.path for log in error_logs(first, BUILD)] == ["/var/log/nginx/error.log"]
    assert [log.path for log in error_logs(second, BUILD)] == ["/var/log/e.log"]
    assert [log.path for log in access_logs(tree("").root, BUILD)] == ["/var/log/nginx/access.log"]
    assert log_paths(found, BUILD) == ("/var/log/a.log", "/usr/share/nginx/logs/b.log", "/var/log/e.log")
    assert log_paths(found, BUILD, "error_log") == ("/var/log/e.log",)


def test_an_error_log_may_go_to_no_file() -> None:
    found = tree("error_log stderr; http { error_log memory:32m debug; }")
    assert [log.path for log in error_logs(found.root, BUILD)] == [None]
    assert [log.path for log in error_logs(node(found, "http"), BUILD)] == [None]


def test_pid_and_user_are_the_main_levels() -> None:
    found = tree("user www-data; pid run/x.pid; http { }")
    assert pid_path(found, BUILD) == "/usr/share/nginx/run/x.pid"
    assert user(found) == ("www-data", "www-data")
    assert user(tree("user a b;")) == ("a", "b")
    assert (pid_path(tree(""), BUILD), user(tree(""))) == ("/run/nginx.pid", None)


def test_every_path_that_even_a_test_of_the_configuration_touches() -> None:
    found = tree("""
        pid /run/x.pid; lock_file /run/x.lock; error_log stderr;
        http { access_log /var/log/a.log; client_body_temp_path tmp; proxy_cache_path /var/cache/p keys_zone=a:1m;
               server { listen unix:/run/x.sock; listen 80; location / { fastcgi_temp_path /tmp/f 1 2; } } }
        stream { server { listen unix:/run/s.sock; error_log /var/log/s.log; } }
    """)
    assert written_paths(found, BUILD) == tuple(
        sorted(
            {
                *("/run/x.pid", "/run/x.lock", "/run/x.sock", "/run/s.sock", "/usr/share/nginx/tmp", "/tmp/f"),
                *("/var/cache/p", "/var/log/a.log", "/var/log/s.log"),
                *("/var/log/nginx/error.log", "/var/log/nginx/access.log"),
                *BUILD.temporary,
            }
        )
    )


@pytest.mark.parametrize(
    ("inside", "directory"),
    [
        ("include /etc/nginx/conf.d/*.conf; include /etc/nginx/sites-enabled/*;", "/etc/nginx/conf.d"),
        ("include sites-enabled/*; include conf.d/*.conf;", "/etc/nginx/conf.d"),
        ("include vhosts/*.conf;", "/etc/nginx/vhosts"),
        ("include conf.d/default*.conf;", None),
        ("include conf.d/one.conf;", None),
        ("include sites-enabled/*;", None),
        ("server { include conf.d/*.conf; }", None),
        ("include */*.conf;", None),
        ("", None),
    ],
)
def test_a_snippet_goes_where_http_takes_files_of_any_name(inside: str, directory: str | None) -> None:
    place = snippet_place(http(inside))
    assert (place and place.directory) == directory


def test_a_snippets_place_says_which_names_it_takes() -> None:
    place = snippet_place(http("include conf.d/*.conf;"))
    assert place is not None
    assert place.takes("remediate.conf")
    assert not place.takes(".remediate.conf")
    assert not place.takes("remediate.conf.bak")


def test_compiled_in_paths_come_from_what_nginx_says_of_itself() -> None:
    said = """nginx version: nginx/1.22.1
configure arguments: --with-cc-opt='-g -O2 --prefix=/no' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf \
--error-log-path=stderr --http-log-path=/var/log/nginx/access.log --pid-path=run/nginx.pid \
--http-client-body-temp-path=/var/lib/nginx/body --with-http_ssl_module"""
    build = parse_build(said)
    assert (build.prefix, build.conf, build.error_log) == ("/usr/share/nginx", "/etc/nginx/nginx.conf", "stderr")
    assert build.pid == "/usr/share/nginx/run/nginx.pid"
    assert build.lock == "/usr/share/nginx/logs/nginx.lock"
    assert build.temporary[:2] == ("/var/lib/nginx/body", "/usr/share/nginx/fastcgi_temp")


def test_what_was_not_given_to_the_build_is_what_nginxs_own_configure_script_takes() -> None:
    assert parse_build("configure arguments:") == Build(
        prefix="/usr/local/nginx",
        conf="/usr/local/nginx/conf/nginx.conf",
        error_log="/usr/local/nginx/logs/error.log",
        access_log="/usr/local/nginx/logs/access.log",
        pid="/usr/local/nginx/logs/nginx.pid",
        lock="/usr/local/nginx/logs/nginx.lock",
        temporary=tuple(
            f"/usr/local/nginx/{name}_temp" for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        ),
    )


def test_every_path_of_the_build_has_its_option() -> None:
    names = ("client-body", "fastcgi", "proxy", "scgi", "uwsgi")
    options = " ".join(f"--http-{name}-temp-path=/t/{name}" for name in names)
    build = parse_build(f"--prefix='/p q' --conf-path=c --http-log-path=/a --pid-path=/i --lock-path=/l {options}")
    assert (build.prefix, build.conf, build.access_log, build.pid, build.lock) == ("/p q", "/p q/c", "/a", "/i", "/l")
    assert build.temporary == tuple(f"/t/{name}" for name in names)


@pytest.mark.lab
def test_the_defaults_are_those_of_debians_nginx() -> None:
    """But for error_log: Debian compiles in `stderr`, and its nginx.conf names the file."""
    said = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=True).stderr
    assert parse_build(said) == replace(Build(), error_log="stderr")
