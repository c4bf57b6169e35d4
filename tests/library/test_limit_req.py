"""limit-req: where limits go, where they do not, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remediations.editors.nginx_tree import NginxTree
from remediations.errors import PlaybookError
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, Probe
from remediations.library import known
from remediations.library.limit_req import LimitReq
from remediations.library.upstream_max_fails import UpstreamMaxFails
from remediations.parameters import build, parse_set
from remediations.plan import Planner, Proposal
from remediations.snapshot import Snapshot
from tests.builders import nginx_snapshot
from tests.command_line import CommandLine
from tests.editors.nginx_oracle import Nginx
from tests.lab.host import LabHost
from tests.library.nginx_host import (
    CONF,
    MASTER,
    added,
    after,
    assert_valid,
    diff,
    disliked,
    host,
    planned,
    stopped,
    symlinked,
)

SNIPPET = "/etc/nginx/conf.d/remediate-limit-req.conf"
CONF_D = "    include conf.d/*.conf;\n"
SITE = """\
server {
    listen 80;
    server_name shop.example;
    root /srv;

    location / {
        try_files $uri /index.php;
    }
    location ~ \\.php$ {
        fastcgi_pass unix:/run/php.sock;
    }
    location = /healthz {
        proxy_pass http://127.0.0.1:8001;
    }
}
"""
LIMIT = "limit_req zone=remediate burst=20 nodelay;"
STATUS = "limit_req_status 429;"
MANY = {f"203.0.113.{number}": 5 for number in range(100)}


def plan(snapshot: Snapshot, **parameters: object) -> Proposal:
    return build(LimitReq, parameters, "test").plan(snapshot, ())


def site(conf: str = SITE, **more: str | bytes) -> Snapshot:
    """A host whose only server stands in conf.d, with an access log that shows many clients."""
    return replace(host(CONF_D, site=conf, **more), peers=MANY)


def inside(text: str) -> Snapshot:
    """A host whose conf.d holds one server with this inside."""
    return site(f"server {{\n    server_name shop.example;\n{text}}}\n")


def checked(snapshot: Snapshot, url: str) -> Snapshot:
    """The same host whose health is asked for at this URL."""
    answer = HttpAnswer(Probe(url), 200, 10, True, "", "ok", None)
    derived = HttpAnswer(Probe("http://localhost/derived", derived=True), 200, 10, True, "", "ok", None)
    return replace(snapshot, answers=(answer, derived))


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["limit-req"] is LimitReq


def test_every_location_that_passes_to_a_backend_is_limited_and_the_zone_gets_a_file_of_its_own() -> None:
    said = plan(site())
    assert (
        diff(said)
        == f"""\
--- /dev/null
+++ {SNIPPET}
@@ -0,0 +1,2 @@
+# Written by remediate (limit-req): where it counts requests. Take out the limit_req lines that name the zone first.
+limit_req_zone $binary_remote_addr zone=remediate:10m rate=10r/s;
--- /etc/nginx/conf.d/site.conf
+++ /etc/nginx/conf.d/site.conf
@@ -8,8 +8,12 @@
     }}
     location ~ \\.php$ {{
         fastcgi_pass unix:/run/php.sock;
+        {LIMIT}
+        {STATUS}
     }}
     location = /healthz {{
         proxy_pass http://127.0.0.1:8001;
+        {LIMIT}
+        {STATUS}
     }}
 }}
"""
    )
    assert (said.warnings, said.refusals, said.notes) == ((), (), ())


def test_nginx_is_reloaded_once_where_it_runs() -> None:
    (action,) = plan(site()).actions
    assert (action.action, action.pid) == ("reload", MASTER)
    assert plan(stopped(site())).actions == ()


def test_the_reason_of_a_reload_stays_short_however_many_files_change() -> None:
    sites = {f"s{number}": SITE.replace("shop", f"s{number}") for number in range(50)}
    (action,) = plan(site(**sites)).actions
    assert action.reason == f"to read {SNIPPET} and 51 more"


def test_a_second_plan_finds_nothing() -> None:
    snapshot = site()
    assert plan(after(snapshot, plan(snapshot))) == Proposal()


def test_only_the_location_that_matches_nothing_but_the_health_path_is_left_out() -> None:
    said = plan(checked(site(), "http://shop.example/healthz?full=1"))
    assert added(said).count(LIMIT) == 1
    assert said.notes == (
        "/etc/nginx/conf.d/site.conf:12 matches nothing but the health path /healthz: it is not limited",
    )


@pytest.mark.parametrize(
    ("location", "limited"),
    [
        ("= /up", False),
        ("=/up", False),
        ("~ ^/up$", False),
        ("~* ^/up$", False),
        ("/up", True),
        ("^~ /up", True),
        ("/", True),
        ("~ ^/up", True),
        ("~ ^/u.$", True),
        ("= /other", True),
    ],
)
def test_a_location_that_also_serves_the_site_is_limited(location: str, limited: bool) -> None:
    snapshot = inside(f"    location {location} {{\n        proxy_pass http://127.0.0.1:1;\n    }}\n")
    assert bool(plan(checked(snapshot, "http://localhost/up")).files) is limited


@pytest.mark.parametrize("url", ["http://localhost/", "http://localhost"])
def test_the_front_page_is_limited_even_where_it_is_the_health_path(url: str) -> None:
    assert plan(checked(inside("    location = / { proxy_pass http://127.0.0.1:1; }\n"), url)).files


def test_a_derived_health_path_is_no_reason_to_leave_a_location_out() -> None:
    snapshot = inside("    location = /derived { proxy_pass http://127.0.0.1:1; }\n")
    assert plan(checked(snapshot, "http://localhost/up")).files


def test_a_pass_inside_if_is_limited_around_the_if() -> None:
    text = "    location / {\n        if ($arg_a) {\n            proxy_pass http://127.0.0.1:1;\n        }\n    }\n"
    (_, change) = plan(inside(text)).files
    assert change.after is not None
    assert change.after.decode().endswith(
        f"            proxy_pass http://127.0.0.1:1;\n        }}\n        {LIMIT}\n        {STATUS}\n    }}\n}}\n"
    )


def test_a_nested_location_inherits_the_limit_of_the_one_around_it() -> None:
    text = """\
    location /a {
        proxy_pass http://127.0.0.1:1;
        location /a/b {
            proxy_pass http://127.0.0.1:2;
        }
    }
"""
    snapshot = inside(text)
    said = plan(snapshot)
    assert added(said).count(LIMIT) == 1
    assert f"        {LIMIT}\n" in added(said).replace("+", "")
    assert plan(after(snapshot, said)) == Proposal()


def test_blocks_keep_their_style() -> None:
    conf = (
        b"server { location /a {proxy_pass http://127.0.0.1:1;} location /b { proxy_pass http://127.0.0.1:2; } }\r\n"
        b"server {\r\n\tlisten 81;\r\n\tlocation / {\r\n\t\tproxy_pass http://127.0.0.1:3; # caf\xe9\r\n\t}\r\n}"
    )
    snapshot = replace(host(CONF_D, site=conf), peers=MANY)
    (_, change) = plan(snapshot).files
    limit, status = LIMIT.encode(), STATUS.encode()
    assert change.after == (
        b"server { location /a {proxy_pass http://127.0.0.1:1; " + limit + b" " + status + b"} location /b "
        b"{ proxy_pass http://127.0.0.1:2; " + limit + b" " + status + b" } }\r\n"
        b"server {\r\n\tlisten 81;\r\n\tlocation / {\r\n\t\tproxy_pass http://127.0.0.1:3; # caf\xe9\r\n"
        b"\t\t" + limit + b"\r\n\t\t" + status + b"\r\n\t}\r\n}"
    )  # fmt: skip


def test_behind_a_symlink_the_target_is_edited() -> None:
    snapshot = symlinked(site(), "/etc/nginx/conf.d/site.conf", "/srv/sites/shop")
    assert [change.path for change in plan(snapshot).files] == [SNIPPET, "/srv/sites/shop"]


# --- zones -----------------------------------------------------------------------------------------------------------


def test_without_conf_d_the_zone_goes_into_http() -> None:
    snapshot = replace(host(SITE), peers=MANY)
    (change,) = plan(snapshot).files
    assert change.path == CONF
    assert change.after is not None
    assert change.after.decode().endswith("}\nlimit_req_zone $binary_remote_addr zone=remediate:10m rate=10r/s;\n}\n")


def test_a_conf_d_that_is_a_link_gets_no_file_since_it_leads_elsewhere() -> None:
    snapshot = symlinked(site(), "/etc/nginx/conf.d/site.conf", "/srv/conf.d/site.conf", folder=True)
    assert [change.path for change in plan(snapshot).files] == [CONF, "/srv/conf.d/site.conf"]


def test_http_d_of_alpine_takes_the_snippet_too_but_sites_enabled_does_not() -> None:
    for folder, path in (("http.d", "/etc/nginx/http.d/remediate-limit-req.conf"), ("sites-enabled", CONF)):
        snapshot = replace(host(f"    include {folder}/*.conf;\n{SITE}"), peers=MANY)
        assert path in [change.path for change in plan(snapshot).files]


def test_a_changed_rate_changes_the_zone_and_nothing_else() -> None:
    snapshot = site()
    said = plan(after(snapshot, plan(snapshot)), rate="5r/m", zone_size="1m")
    assert added(said) == (
        "-limit_req_zone $binary_remote_addr zone=remediate:10m rate=10r/s;\n"
        "+limit_req_zone $binary_remote_addr zone=remediate:1m rate=5r/m;\n"
    )
    assert [action.action for action in said.actions] == ["reload"]


def test_a_changed_burst_is_replaced_in_place() -> None:
    snapshot = inside("    location / {\n        proxy_pass http://127.0.0.1:1;\n    }\n")
    said = plan(after(snapshot, plan(snapshot)), burst=5, nodelay=False)
    assert added(said) == f"-        {LIMIT}\n+        limit_req zone=remediate burst=5;\n"
    assert said.notes == ()


def test_no_burst_is_written_as_none() -> None:
    assert "limit_req zone=remediate;\n" in added(plan(site(), burst=0))


def test_a_changed_key_gets_a_new_zone_name_and_the_old_zone_goes() -> None:
    snapshot = site()
    said = plan(after(snapshot, plan(snapshot)), key="$server_name$binary_remote_addr")
    assert added(said) == (
        "-limit_req_zone $binary_remote_addr zone=remediate:10m rate=10r/s;\n"
        "+limit_req_zone $server_name$binary_remote_addr zone=remediate_60d016:10m rate=10r/s;\n"
        f"-        {LIMIT}\n"
        "+        limit_req zone=remediate_60d016 burst=20 nodelay;\n"
        f"-        {LIMIT}\n"
        "+        limit_req zone=remediate_60d016 burst=20 nodelay;\n"
    )


def test_a_changed_key_leaves_the_old_zone_where_others_still_count_in_it() -> None:
    snapshot = site()
    said = plan(after(snapshot, plan(snapshot)), key="$server_name$binary_remote_addr", locations=["= /healthz"])
    assert added(said) == (
        "+limit_req_zone $server_name$binary_remote_addr zone=remediate_60d016:10m rate=10r/s;\n"
        f"-        {LIMIT}\n"
        "+        limit_req zone=remediate_60d016 burst=20 nodelay;\n"
    )


@pytest.mark.parametrize(
    "taken",
    [
        "limit_conn_zone $binary_remote_addr zone=remediate:1m;\n",
        "limit_req_zone $host zone=remediate:1m rate=1r/s;\n",
        "proxy_cache_path /tmp/c keys_zone=remediate:1m;\n",
        "upstream u { zone remediate 64k; server 127.0.0.1:1; }\n",
    ],
)
def test_a_name_that_is_taken_is_not_taken_again(taken: str) -> None:
    said = plan(site(SITE, other=taken))
    assert taken.startswith("limit_req") or "-" not in [line[0] for line in added(said).splitlines()]
    assert "zone=remediate_2:10m rate=10r/s;" in added(said)
    assert "limit_req zone=remediate_2 burst=20 nodelay;" in added(said)


# --- limits that stand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        (
            "    location / {\n        proxy_pass http://127.0.0.1:1;\n        limit_req zone=one burst=3;\n    }\n",
            "/etc/nginx/conf.d/site.conf:3 has a limit already: zone one (/etc/nginx/conf.d/site.conf:5); "
            "it is left as it is",
        ),
        (
            "    limit_req zone=one;\n    location / {\n        proxy_pass http://127.0.0.1:1;\n    }\n",
            "/etc/nginx/conf.d/site.conf:4 inherits the limit of zone one (/etc/nginx/conf.d/site.conf:3); "
            "it is left as it is",
        ),
    ],
    ids=["own", "inherited"],
)
def test_limits_of_others_are_never_overridden(text: str, said_of_it: str) -> None:
    zone = "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;\n"
    said = plan(site(f"server {{\n    server_name shop.example;\n{text}}}\n", other=zone))
    assert (said.files, said.actions) == ((), ())
    assert said.warnings == (said_of_it,)


def test_a_file_read_twice_is_left_alone_where_one_of_its_servers_has_a_limit() -> None:
    conf = (
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;\n"
        "server { listen 81; include /etc/nginx/shared; }\nserver { limit_req zone=one; include /etc/nginx/shared; }\n"
    )
    snapshot = site(conf)
    shared = replace(snapshot.files[CONF], path="/etc/nginx/shared", real_path="/etc/nginx/shared")
    shared = replace(shared, data=b"location / { proxy_pass http://127.0.0.1:1; }\n")
    said = plan(replace(snapshot, files={**snapshot.files, "/etc/nginx/shared": shared}))
    assert said.files == ()
    assert len(said.warnings) == 1


def test_a_file_read_twice_is_limited_once_and_the_other_server_is_named() -> None:
    conf = "".join(f"server {{ server_name {name}; include /etc/nginx/shared; }}\n" for name in ("a", "b"))
    snapshot = site(conf)
    shared = replace(snapshot.files[CONF], path="/etc/nginx/shared", real_path="/etc/nginx/shared")
    shared = replace(shared, data=b"location / { proxy_pass http://127.0.0.1:1; }\n")
    snapshot = replace(snapshot, files={**snapshot.files, "/etc/nginx/shared": shared})
    said = plan(snapshot, servers=["a"], locations=["/"])
    assert added(said).count("+location / {") == 1
    assert said.warnings == (
        "/etc/nginx/shared:1 stands in an included file: the server at /etc/nginx/conf.d/site.conf:2 includes it, too, "
        "and is limited there",
    )
    assert plan(snapshot).warnings == ()


@pytest.mark.parametrize("level", ["http", "server", "location"])
def test_a_status_that_stands_is_kept_and_not_written_again(level: str) -> None:
    status = {level: "limit_req_status 444;\n"}
    text = (
        f"    {status.get('server', '')}location / {{ proxy_pass http://127.0.0.1:1; {status.get('location', '')}}}\n"
    )
    said = plan(site(f"server {{\n{text}}}\n", other=status.get("http", "")))
    assert LIMIT in added(said)
    assert "429" not in added(said)
    assert [note for note in said.notes if "keeps limit_req_status 444" in note] == list(said.notes) != []


def test_a_limit_of_ours_that_lost_its_status_gets_it_back() -> None:
    snapshot = site()
    outcome = after(snapshot, plan(snapshot))
    data = outcome.files["/etc/nginx/conf.d/site.conf"].data.replace(f"        {STATUS}\n".encode(), b"", 1)
    said = plan(outcome.with_file("/etc/nginx/conf.d/site.conf", data))
    assert added(said) == f"+        {STATUS}\n"


def test_a_dry_run_of_the_limit_is_pointed_out() -> None:
    said = plan(site(SITE, other="limit_req_dry_run on;\n"))
    assert said.warnings[0] == (
        "/etc/nginx/conf.d/site.conf:9: limit_req_dry_run is on (/etc/nginx/conf.d/other.conf:1): nobody is limited"
    )


# --- chosen places ---------------------------------------------------------------------------------------------------


def test_a_chosen_server_is_limited_as_a_whole() -> None:
    snapshot = checked(site(), "http://localhost/healthz")
    said = plan(snapshot, servers=["shop.example"])
    assert added(said).splitlines()[2:] == [f"+    {LIMIT}", f"+    {STATUS}"]
    assert said.notes == (
        "/etc/nginx/conf.d/site.conf:12 matches the health path /healthz and falls under the limit around it",
    )
    outcome = after(snapshot, said)
    assert plan(outcome, servers=["shop.example"]).files == ()
    assert plan(outcome).files == ()


def test_a_location_of_a_chosen_server_that_has_its_own_limit_keeps_it() -> None:
    zone = "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;\n"
    snapshot = site("server {\n    server_name a;\n    location / { limit_req zone=one; }\n}\n", other=zone)
    said = plan(snapshot, servers=["a"])
    assert said.notes == ("/etc/nginx/conf.d/site.conf:3 keeps its own limit",)
    assert LIMIT in added(said)


@pytest.mark.parametrize("written", ["/", "~ \\.php$", "= /healthz", "=/healthz", "/healthz", "\\.php$"])
def test_chosen_locations_are_named_as_they_are_written(written: str) -> None:
    said = plan(site(), locations=[written])
    assert added(said).count(LIMIT) == 1


def test_named_locations_can_be_chosen() -> None:
    snapshot = inside("    location @app { proxy_pass http://127.0.0.1:1; }\n    location /app { return 200; }\n")
    assert added(plan(snapshot, locations=["@app"])).count(LIMIT) == 1


def test_a_location_is_looked_for_in_the_chosen_servers_only() -> None:
    two = SITE + SITE.replace("shop.example", "b.example")
    assert added(plan(site(two), locations=["/"])).count(LIMIT) == 2
    assert added(plan(site(two), locations=["/"], servers=["b.example"])).count(LIMIT) == 1


def test_places_that_are_not_there_are_refused_with_those_that_are() -> None:
    said = plan(site(), servers=["shop.example", "shopp"], locations=["/login"])
    assert said.files == ()
    assert said.refusals == (
        "server shopp: no such server_name; there are: shop.example",
        "location /login: no such location; there are: /, ~ \\.php$, = /healthz",
    )


def test_what_a_missing_location_could_have_been_is_told_of_the_chosen_servers_only() -> None:
    said = plan(site(SITE + "server { server_name b.example; }\n"), servers=["b.example"], locations=["/"])
    assert said.refusals == ("location /: no such location; there are: none",)


def test_a_site_without_a_backend_has_nothing_to_limit() -> None:
    said = plan(site("server { location / { root /srv; } }\n"))
    assert said == Proposal(notes=("no location passes to a backend",))


# --- proxies ---------------------------------------------------------------------------------------------------------

REAL_IP = "set_real_ip_from 10.0.0.0/8;\nreal_ip_header X-Forwarded-For;\n"
TEN = {f"198.51.100.{number}": 9 for number in range(10)}


@pytest.mark.parametrize(
    ("peers", "why"),
    [
        ({**MANY, "172.71.3.4": 1}, "172.71.3.4 in the access log is Cloudflare's"),
        ({**MANY, "2606:4700::9": 1}, "2606:4700::9 in the access log is Cloudflare's"),
        ({**MANY, "::ffff:104.16.0.1": 1}, "104.16.0.1 in the access log is Cloudflare's"),
        ({"104.24.1.1": 1}, "104.24.1.1 in the access log is Cloudflare's"),
        ({"10.0.0.5": 100}, "100 % of 100 lines in the access log come from 10.0.0.5"),
        ({"127.0.0.1": 900, **TEN, "10.0.0.5": 900}, "92 % of 990 lines in the access log come from 10.0.0.5, "),
        ({"10.0.0.5": 30, "10.0.0.6": 30, "10.0.0.7": 30, **{f"9.9.9.{n}": 1 for n in range(10)}}, "90 % of 100 lines"),
    ],
)
def test_a_proxy_in_the_access_log_is_a_reason_to_refuse(peers: dict[str, int], why: str) -> None:
    said = plan(replace(site(), peers=peers))
    assert (said.files, said.actions) == ((), ())
    assert len(said.refusals) == 1
    assert said.refusals[0].startswith(
        "/etc/nginx/conf.d/site.conf:9, /etc/nginx/conf.d/site.conf:12: "
        f"not limited, since all clients would share one limit: {why}"
    )
    assert "real_ip_header" in said.refusals[0]


@pytest.mark.parametrize(
    "peers",
    [
        {"10.0.0.5": 30, "10.0.0.6": 30, "10.0.0.7": 29, **{f"9.9.9.{n}": 1 for n in range(11)}},
        {"127.0.0.1": 5000, "::1": 5000, "::ffff:127.0.0.1": 9, **MANY},
        {"shop.example:80": 5000, "-": 7, **MANY},
    ],
    ids=["89 %", "loopback is left out", "what is no address is left out"],
)
def test_many_clients_are_no_proxy(peers: dict[str, int]) -> None:
    said = plan(replace(site(), peers=peers))
    assert said.files
    assert (said.refusals, said.warnings) == ((), ())


@pytest.mark.parametrize(
    ("peers", "doubt"),
    [
        ({"10.0.0.5": 99}, "the access logs hold only 99 lines of other hosts"),
        ({"127.0.0.1": 5000}, "the access logs hold only 0 lines of other hosts"),
        ({}, "the access logs hold only 0 lines of other hosts"),
        (Unknown("not root"), "the access logs are not known (not root)"),
    ],
)
def test_too_few_lines_are_a_warning(peers: dict[str, int] | Unknown, doubt: str) -> None:
    said = plan(replace(site(), peers=peers))
    assert said.files
    assert said.warnings == (f"{doubt}: if a proxy stands before nginx, all its clients share one limit",)
    assert plan(replace(site(), peers=peers), behind_proxy="no").warnings == ()


@pytest.mark.parametrize("where", ["http", "server", "location"])
def test_with_real_ip_settings_in_force_the_places_are_limited(where: str) -> None:
    at = {where: REAL_IP}
    inner = f"proxy_pass http://127.0.0.1:1; {at.get('location', '')}"
    conf = f"server {{\n{at.get('server', '')}location / {{ {inner} }}\n}}\n"
    for peers in ({"10.0.0.5": 900}, MANY):
        said = plan(replace(site(conf, other=at.get("http", "")), peers=peers), behind_proxy="yes")
        assert LIMIT in added(said)
        assert said.refusals == ()


@pytest.mark.parametrize("peers", [MANY, {"10.0.0.5": 99}, {}], ids=["many", "few", "none"])
@pytest.mark.parametrize("word", [None, "yes"])
def test_with_real_ip_settings_in_force_there_is_nothing_to_doubt(peers: dict[str, int], word: str | None) -> None:
    said = plan(replace(site(SITE, other=REAL_IP), peers=peers, variables={"behind_proxy": word} if word else {}))
    assert said.files
    assert (said.refusals, said.warnings) == ((), ())


def test_half_of_the_real_ip_settings_do_not_count() -> None:
    for half in REAL_IP.splitlines():
        assert plan(site(SITE, other=f"{half}\n"), behind_proxy="yes").refusals


def test_real_ip_settings_that_miss_ranges_are_pointed_out() -> None:
    said = plan(replace(site(SITE, other=REAL_IP), peers={**MANY, "172.71.3.4": 3}))
    assert said.files
    assert said.warnings == (
        "real_ip settings apply, and yet 172.71.3.4 in the access log is Cloudflare's: "
        "does set_real_ip_from name all of the proxy's ranges?",
    )


@pytest.mark.parametrize(
    ("conf", "why"),
    [
        (SITE.replace("listen 80", "listen 80 proxy_protocol"), "site.conf:2 expects the PROXY protocol"),
        (
            SITE.replace(
                "root /srv", "if ($http_x_forwarded_proto = http) { return 301 https://$host; }\n    root /srv"
            ),
            "site.conf:4 uses $http_x_forwarded_proto, which only a proxy sends",
        ),
        (f"map $http_cf_connecting_ip $x {{ default 1; }}\n{SITE}", "site.conf:1 uses $http_cf_connecting_ip"),
    ],
)
def test_a_configuration_that_speaks_of_a_proxy_is_a_reason_to_refuse(conf: str, why: str) -> None:
    said = plan(site(conf))
    assert said.files == ()
    assert why in said.refusals[0]
    assert plan(site(conf), behind_proxy="no").files
    assert why in plan(site(conf), servers=["shop.example"]).refusals[0]


LOCAL = [
    ("listen 127.0.0.1:8080;", "127.0.0.1:8080"),
    ("listen unix:/run/shop.sock;", "unix:/run/shop.sock"),
    ("listen [::1]:8080;", "[::1]:8080"),
    ("listen localhost:8080;", "localhost:8080"),
    ("listen 127.0.0.1:8080; listen unix:/run/shop.sock;", "127.0.0.1:8080, unix:/run/shop.sock"),
]


@pytest.mark.parametrize(("listens", "shown"), LOCAL)
@pytest.mark.parametrize("peers", [MANY, {"127.0.0.1": 300}, {"unix:": 300}, {}], ids=["many", "loopback", "unix", "0"])
def test_a_server_that_only_this_host_reaches_stands_behind_a_local_proxy(
    listens: str, shown: str, peers: dict[str, int]
) -> None:
    conf = SITE.replace("listen 80;", listens)
    said = plan(replace(site(conf), peers=peers))
    assert (said.files, said.actions) == ((), ())
    assert f"site.conf:1 listens only on {shown}: a proxy on this host" in said.refusals[0]
    assert plan(site(conf), behind_proxy="no").files
    assert plan(replace(site(conf), variables={"behind_proxy": False})).files
    assert plan(site(conf), key="$http_x_api_key").files


@pytest.mark.parametrize(
    "listens", ["listen 127.0.0.1:8080; listen 80;", "listen 127.0.0.1:8080; listen [::]:80;", "listen 10.0.0.1;", ""]
)
def test_a_server_that_others_reach_too_is_limited(listens: str) -> None:
    said = plan(site(SITE.replace("listen 80;", listens)))
    assert added(said).count(LIMIT) == 2
    assert said.refusals == ()


def test_a_local_server_beside_a_public_one_keeps_neither_from_its_due() -> None:
    local = "server { listen unix:/run/a.sock; location / { proxy_pass http://127.0.0.1:1; } }\n"
    said = plan(site(local + SITE))
    assert added(said).count(LIMIT) == 2
    assert [text.partition(": not limited")[0] for text in said.refusals] == ["/etc/nginx/conf.d/site.conf:1"]


@pytest.mark.parametrize(
    ("listens", "source", "limited"),
    [
        ("listen 127.0.0.1:8080;", "127.0.0.1", True),
        ("listen 127.0.0.1:8080;", "127.0.0.0/8", True),
        ("listen localhost:8080;", "::1", True),
        ("listen [::1]:8080;", "::1", True),
        ("listen unix:/run/shop.sock;", "unix:", True),
        ("listen 127.0.0.1:8080;", "varnish.internal", True),
        ("listen 127.0.0.1:8080;", "10.0.0.0/8", False),
        ("listen 127.0.0.1:8080;", "unix:", False),
        ("listen unix:/run/shop.sock;", "127.0.0.1", False),
        ("listen 127.0.0.1:8080; listen unix:/run/shop.sock;", "127.0.0.1", False),
    ],
)
def test_a_local_proxy_is_believed_only_where_real_ip_names_it(listens: str, source: str, limited: bool) -> None:
    real_ip = f"set_real_ip_from {source};\nreal_ip_header X-Forwarded-For;\n"
    said = plan(site(SITE.replace("listen 80;", listens), other=real_ip))
    assert (bool(said.files), bool(said.refusals)) == (limited, not limited)


def test_a_log_format_with_forwarded_for_says_nothing() -> None:
    log = "log_format main '$remote_addr \"$http_x_forwarded_for\"';\n"
    assert plan(site(SITE, other=log)).refusals == ()


def test_a_header_of_another_server_says_nothing() -> None:
    other = "server { listen 81; if ($http_x_forwarded_proto = http) { return 301 https://$host; } }\n"
    assert plan(site(SITE, other=other)).refusals == ()


@pytest.mark.parametrize("word", [True, "yes"])
def test_the_inventory_can_say_that_a_proxy_stands_there(word: object) -> None:
    said = plan(replace(site(), variables={"behind_proxy": word}))
    assert said.files == ()
    assert "the inventory says behind_proxy: yes" in said.refusals[0]


@pytest.mark.parametrize("word", [False, "no"])
def test_the_inventory_can_say_that_none_does(word: object) -> None:
    said = plan(replace(site(), variables={"behind_proxy": word}, peers={"10.0.0.5": 900}))
    assert said.files
    assert (said.refusals, said.warnings) == ((), ())


def test_behind_proxy_overrides_what_was_seen() -> None:
    assert plan(replace(site(), peers={"172.71.3.4": 900}), behind_proxy="no").files
    said = plan(site(), behind_proxy="yes")
    assert said.files == ()
    assert "behind_proxy=yes says so" in said.refusals[0]


@pytest.mark.parametrize("peers", [{"172.71.3.4": 900}, {}], ids=["Cloudflare", "none"])
def test_a_key_that_is_no_address_does_not_care_about_proxies(peers: dict[str, int]) -> None:
    said = plan(replace(site(), peers=peers), key="$http_x_api_key")
    assert said.files
    assert (said.refusals, said.warnings) == ((), ())


def test_each_reason_to_refuse_is_said_of_its_own_places() -> None:
    two = "server { listen 81 proxy_protocol; location / { proxy_pass http://127.0.0.1:1; } }\n" + SITE
    said = plan(replace(site(two), peers={"10.0.0.5": 900}))
    at = "/etc/nginx/conf.d/site.conf"
    assert [text.partition(": not limited")[0] for text in said.refusals] == [f"{at}:1", f"{at}:10, {at}:13"]


def test_a_limit_of_others_before_a_proxy_is_their_business() -> None:
    zone = "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;\n"
    conf = "server { location / { limit_req zone=one; proxy_pass http://127.0.0.1:1; } }\n"
    said = plan(replace(site(conf, other=zone), peers={"10.0.0.5": 900}))
    assert (said.files, said.refusals) == ((), ())
    assert len(said.warnings) == 1


def test_real_ip_that_misses_ranges_is_not_spoken_of_where_the_inventory_says_that_no_proxy_is_there() -> None:
    peers = {**MANY, "172.71.3.4": 3}
    said = plan(replace(site(SITE, other=REAL_IP), peers=peers, variables={"behind_proxy": "no"}))
    assert said.warnings == ()


def test_where_real_ip_applies_to_one_server_only_that_one_is_limited() -> None:
    two = f"server {{ server_name a; {REAL_IP} location / {{ proxy_pass http://127.0.0.1:1; }} }}\n" + SITE
    said = plan(replace(site(two), peers={"10.0.0.5": 900}))
    assert added(said).count(LIMIT) == 1
    assert len(said.refusals) == 1


def test_a_limit_of_ours_that_stands_before_a_proxy_is_a_warning() -> None:
    snapshot = site()
    said = plan(replace(after(snapshot, plan(snapshot)), peers={"10.0.0.5": 900}))
    assert (said.files, said.refusals) == ((), ())
    assert len(said.warnings) == 2
    assert "is limited, but 100 % of 900 lines" in said.warnings[0]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_nginx_does_not_accept_is_not_edited() -> None:
    said = plan(disliked(site(), f"nginx: [emerg] host not found in upstream in {CONF}:3"))
    assert said.files == ()
    assert f"{CONF}:3" in said.refusals[0]


def test_a_host_without_nginx_has_nothing_to_do() -> None:
    assert plan(replace(site(), nginx=None)) == Proposal(notes=("nginx is not installed",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": "10"}, {"rate": "0r/s"}, {"rate": "10r/h"}, {"burst": -1}, {"zone_size": "10"}, {"zone_size": "31k"},
        {"key": "remote_addr"}, {"key": "$a b"}, {"key": "$a;"}, {"status": 200}, {"behind_proxy": "maybe"},
    ],
    ids=str,
)  # fmt: skip
def test_parameters_that_nginx_would_not_take_are_refused_before_anything_is_read(wrong: dict[str, object]) -> None:
    with pytest.raises(PlaybookError, match=next(iter(wrong))):
        build(LimitReq, wrong, "test")


@pytest.mark.parametrize("word", ["yes", "no", "auto"])
def test_yes_and_no_may_be_written_bare_as_yaml_has_them(word: str) -> None:
    _, _, node = parse_set(f"limit-req.behind_proxy={word}", {"limit-req": LimitReq})
    assert build(LimitReq, {"behind_proxy": node}, "test").behind_proxy == word


# --- the real nginx --------------------------------------------------------------------------------------------------

ONE = "proxy_pass http://127.0.0.1:1;"
REAL = {
    "site": SITE,
    "one line": f"server {{ location / {{{ONE}}} location /b {{ {ONE} }} }}",
    "crlf and no end": f"server {{\r\n\tlocation / {{\r\n\t\t{ONE}\r\n\t}}\r\n}}",
    "if": f"server {{ location / {{ if ($arg_a) {{ {ONE} }} }} }}",
    "nested": f"server {{ location /a {{ {ONE} location /a/b {{ {ONE} }} }} }}",
    "named": f"server {{ location / {{ try_files $uri @app; }} location @app {{ {ONE} }} }}",
    "limit_except": f"server {{ limit_req_status 503; location / {{ limit_except GET {{ {ONE} }} }} }}",
    "taken": "upstream u { server 127.0.0.1:1; server 127.0.0.1:2; zone remediate 64k; }\n"
    "server { location / { grpc_pass u; } }",
}


@pytest.mark.lab
@pytest.mark.parametrize("conf", REAL.values(), ids=REAL)
@pytest.mark.parametrize("conf_d", [True, False], ids=["conf.d", "http"])
def test_nginx_accepts_the_outcome_and_a_second_plan_is_empty(nginx: Nginx, conf: str, conf_d: bool) -> None:
    snapshot = replace(site(conf) if conf_d else host(conf), peers=MANY)
    assert_valid(nginx, snapshot)
    harden: list[Planner] = [UpstreamMaxFails(), LimitReq()]
    whole = planned(snapshot, harden)
    assert whole.files
    outcome = snapshot
    for file in whole.files:
        outcome = outcome.with_file(file.change.path, file.change.after)
    assert isinstance(outcome.nginx_tree, NginxTree)
    assert_valid(nginx, outcome)
    assert planned(outcome, harden).empty


@pytest.mark.lab
def test_nginx_accepts_each_step_of_a_changing_mind(nginx: Nginx) -> None:
    snapshot = site()
    for parameters in (
        {}, {"rate": "5r/m", "burst": 0}, {"key": "$server_name$binary_remote_addr", "locations": ["= /healthz"]},
        {"key": "$http_x_api_key"}, {}, {"servers": ["shop.example"], "zone_size": "32k"},
    ):  # fmt: skip
        said = plan(snapshot, **parameters)
        assert said.files, parameters
        snapshot = after(snapshot, said)
        assert_valid(nginx, snapshot)
        assert plan(snapshot, **parameters).files == ()


def test_above_the_limit_a_real_host_answers_429_but_never_at_the_health_path(web1: LabHost) -> None:
    shop = "/etc/nginx/sites-enabled/shop"
    files = {path: web1.read(path) for path in web1.sh("find -L /etc/nginx -type f").decode().split()}
    files[shop] = files[shop].rstrip().removesuffix(b"}") + b"    location = /up { proxy_pass http://app; }\n}\n"
    web1.write(shop, files[shop])
    snapshot = checked(replace(nginx_snapshot(files), peers=MANY), "http://shop.example/up")
    said = plan(snapshot, rate="1r/m", burst=3)
    assert said.refusals == ()
    for change in said.files:
        assert change.after is not None
        web1.write(change.path, change.after)
    web1.reload_nginx()
    assert [web1.get("shop.example").status for _ in range(6)] == [200, 200, 200, 200, 429, 429]
    assert {web1.get("shop.example", "/up").status for _ in range(6)} == {200}


def test_on_a_real_host_behind_a_local_proxy_nobody_is_throttled(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    web1.sh("sed -i 's/listen 80\\b/listen 127.0.0.1:8080/' /etc/nginx/sites-available/*; systemctl restart nginx")
    web1.sh("for i in $(seq 300); do curl -s -o /dev/null -H 'Host: shop.example' http://127.0.0.1:8080/; done")
    only = ("--only", "limit-req")
    refused = command.remediate(*only)
    assert (refused.exit_code, refused.host["status"], refused.host["changes"]) == (3, "refused", []), refused
    assert "listens only on 127.0.0.1:8080: a proxy on this host" in refused.host["error"]
    assert "listens only on 127.0.0.1:8080: a proxy on this host" in str(refused.host["warnings"])
    web1.write("/etc/nginx/conf.d/real-ip.conf", b"set_real_ip_from 127.0.0.1;\nreal_ip_header X-Forwarded-For;\n")
    web1.reload_nginx()
    limited = command.remediate(*only)
    assert limited.host["status"] == "changed", limited
    ask = "curl -s -o /dev/null -w '%{http_code} ' -H 'Host: shop.example' -H 'X-Forwarded-For: 203.0.113.'$((i/4))"
    codes = web1.sh(f"for i in $(seq 200); do {ask} http://127.0.0.1:8080/; done").split()
    assert set(codes) == {b"200"}
