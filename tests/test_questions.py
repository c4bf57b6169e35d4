"""Which questions follow from a configuration: what refuses by design is not asked, and dead backends come first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.editors.nginx_servers import Server
from remediations.editors.nginx_tree import NginxTree
from remediations.editors.nginx_upstreams import PassTarget, pass_targets
from remediations.facts.base import Unknown
from remediations.facts.http import Probe
from remediations.facts.nginx import NginxFiles
from remediations.facts.processes import Process
from remediations.facts.sockets import ListeningSocket
from remediations.health_settings import DERIVED, HealthSettings
from remediations.host import front_doors
from remediations.questions import MOST_PROBES, questions
from remediations.snapshot import Snapshot
from tests.builders import host_file, nginx_snapshot

MAIN = "/etc/nginx/nginx.conf"
SHOP = "server { listen 80; server_name shop.example; }"


def snapshot(*servers: str) -> Snapshot:
    return nginx_snapshot({MAIN: f"events {{}} http {{ {' '.join(servers)} }}".encode()})


def asked(*servers: str) -> list[str]:
    return [probe.url for probe in questions(DERIVED, snapshot(*servers)).probes]


def listening(*addresses: str) -> tuple[ListeningSocket, ...]:
    return tuple(ListeningSocket(one, one.startswith("/"), 0, 511, (100,)) for one in addresses)


@pytest.mark.parametrize(
    "refusing",
    [
        "server { listen 80 default_server; server_name _; return 444; }",
        "server { listen 80; server_name old.example; return 503; }",
        "server { listen 80; server_name old.example; location / { return 503; } }",
        "server { listen 80; server_name old.example; location = / { return 404; } }",
        "server { listen 80; server_name old.example; location ~ ^/$ { return 503; } location / { } }",
        "server { listen 80; server_name old.example; return 200; }",
        "server { listen 80; server_name old.example; deny all; }",
        "server { listen 80; server_name old.example; location / { deny all; proxy_pass http://127.0.0.1:1; } }",
        "server { listen 443 ssl default_server; ssl_reject_handshake on; }",
        "server { listen 443 quic; server_name old.example; }",
        "server { listen 80 proxy_protocol; server_name old.example; }",
        "server { listen 50051 http2; server_name grpc.example; location / { grpc_pass grpc://127.0.0.1:1; } }",
        "server { listen 80; server_name old.example; return 503; location /a { proxy_pass http://127.0.0.1:1; } }",
    ],
)
def test_what_refuses_by_design_is_not_asked(refusing: str) -> None:
    assert asked(refusing, SHOP) == ["http://shop.example/"]


@pytest.mark.parametrize(
    "serving",
    [
        "server { listen 80; server_name old.example; return 301 https://shop.example/; }",
        "server { listen 80; server_name old.example; return 200 hello; }",
        "server { listen 80; server_name old.example; location /closed { return 503; } }",
        "server { listen 80; server_name old.example; location ^~ / { } location ~ / { return 503; } }",
        "server { listen 80; server_name old.example; allow 127.0.0.0/8; deny all; }",
        "server { listen 80; listen 443 ssl; server_name old.example; ssl_reject_handshake on; }",
        "server { listen 80; server_name old.example; if ($bad) { return 444; } }",
        "server { listen 80; server_name old.example; if (-f /srv/maintenance) { return 503; } }",
    ],
)
def test_what_answers_is_asked(serving: str) -> None:
    assert asked(serving, SHOP) == ["http://old.example/", "http://shop.example/"]


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("if (-f /srv/maintenance) { return 503; }", 503),
        ("location / { if ($maintenance) { return 503; } proxy_pass http://127.0.0.1:1; }", 503),
        ("if ($bad) { return 403; }", None),
        ("if ($bad) { return 502; }", None),
        ("location /other { if ($maintenance) { return 503; } }", None),
    ],
)
def test_it_is_known_which_error_an_if_returns(inside: str, status: int | None) -> None:
    probes = questions(DERIVED, snapshot(f"server {{ listen 80; server_name old.example; {inside} }}")).probes
    assert probes[0].switched_off == status


def test_a_server_that_another_one_answers_for_is_not_asked() -> None:
    """The question would land at the catch-all, whose refusal says nothing about this server."""
    catch_all = "server { listen 80 default_server; return 444; }"
    assert asked(catch_all, "server { listen 80; server_name ~^x; }", SHOP) == ["http://shop.example/"]
    assert asked(catch_all, "server { listen 80; server_name *.wild.example; }") == ["http://www.wild.example/"]
    assert asked(SHOP, "server { listen 80; server_name shop.example; return 200 x; }") == ["http://shop.example/"]


def test_where_all_refuses_by_design_nothing_is_asked() -> None:
    assert questions(DERIVED, snapshot("server { listen 80; return 503; }")).probes == ()


def test_settings_ask_their_own_question() -> None:
    settings = HealthSettings(url="http://localhost/health", contains="ok")
    (probe,) = questions(settings, snapshot(SHOP)).probes
    assert (probe.url, probe.contains, probe.derived) == ("http://localhost/health", "ok", False)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("location / { limit_req zone=a; }", 503),
        ("limit_req zone=a; limit_req_status 429;", 429),
        ("limit_req zone=a; limit_req_dry_run on;", None),
        ("location / { } location ~ \\.php$ { limit_req zone=a; fastcgi_pass unix:/x; }", 503),
        ("location /else { limit_req zone=a; }", None),
    ],
)
def test_a_question_under_a_limit_knows_it(text: str, limit: int | None) -> None:
    probe = questions(DERIVED, snapshot(f"server {{ listen 80; server_name a.example; {text} }}")).probes[0]
    assert (probe.url, probe.limit) == ("http://a.example/", limit)


def many(count: int, ports: int) -> Snapshot:
    servers = (
        f"server {{ listen 80; server_name s{n}.example; root /srv; "
        f"location /api/ {{ proxy_pass http://127.0.0.1:{9000 + n % ports}; }} }}"
        for n in range(count)
    )
    return snapshot(*servers)


def test_every_distinct_backend_is_asked_before_first_pages_fill_the_room() -> None:
    found = questions(DERIVED, many(500, 20))
    assert len(found.probes) == MOST_PROBES
    assert found.left_out == 1000 - MOST_PROBES
    assert sum(probe.url.endswith("/api/") for probe in found.probes) == 20
    assert found.probes[0].url == "http://s0.example/"


def test_backends_behind_which_nobody_listens_come_first() -> None:
    alive = listening("0.0.0.0:80", *(f"127.0.0.1:{9000 + n}" for n in range(500) if n not in (77, 400)))
    found = questions(DERIVED, replace(many(500, 500), sockets=alive))
    urls = {probe.url for probe in found.probes}
    assert {"http://s77.example/api/", "http://s400.example/api/"} <= urls


def test_the_work_grows_with_the_sites_and_not_with_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"names": 0, "listens": 0, "targets": 0}

    def counted(name: str, kind: str) -> None:
        read = getattr(Server, name).fget

        def get(server: Server) -> object:
            calls[kind] += 1
            return read(server)

        monkeypatch.setattr(Server, name, property(get))

    counted("names", "names")
    counted("listens", "listens")

    def once(tree: NginxTree) -> tuple[PassTarget, ...]:
        calls["targets"] += 1
        return pass_targets(tree)

    monkeypatch.setattr("remediations.questions.pass_targets", once)
    questions(DERIVED, many(500, 500))
    assert calls["targets"] == 1
    assert calls["listens"] == 500
    assert calls["names"] <= 500 * 6


def test_a_path_of_a_socket_and_any_host_of_a_port_are_heard() -> None:
    heard = front_doors.Heard.of(listening("0.0.0.0:80", "127.0.0.1%lo:81", "[::]:82", "/run/a.sock"))
    server = "server {{ listen {0}; server_name a.example; }}"
    for listen, expected in (
        ("80", True), ("10.0.0.1:80", True), ("81", False), ("127.0.0.1:81", True), ("localhost:81", True),
        ("127.0.0.1:82", True), ("83", False), ("unix:/var/run/a.sock", True), ("unix:/run/b.sock", False),
    ):  # fmt: skip
        tree = snapshot(server.format(listen)).nginx_tree
        assert not isinstance(tree, Unknown)
        (address,) = front_doors.FrontDoors.of(tree).defaults
        assert heard.at(address) is expected, listen


INCLUDED = "server { listen 8088; server_name inc.example; }"


def test_a_site_at_a_port_that_nginx_does_not_hold_yet_is_not_asked() -> None:
    one = replace(snapshot(SHOP, INCLUDED), sockets=listening("0.0.0.0:80"))
    assert [probe.url for probe in questions(DERIVED, one).probes] == ["http://shop.example/"]


def test_without_nginx_or_with_none_of_its_ports_the_refused_connection_is_the_truth() -> None:
    one = replace(snapshot(SHOP, INCLUDED), sockets=listening("0.0.0.0:22"))
    stopped = replace(one, sockets=listening("0.0.0.0:80"), nginx=replace(_nginx(one), master=None))
    for each in (one, stopped):
        assert [probe.url for probe in questions(DERIVED, each).probes] == [
            "http://shop.example/", "http://inc.example/",
        ]  # fmt: skip


def _nginx(one: Snapshot) -> NginxFiles:
    assert one.live_nginx is not None
    return one.live_nginx


def read_at(files: dict[str, float]) -> tuple[Probe, ...]:
    """The probes where nginx's worker began at 1000 and each file changed at its time."""
    texts = {MAIN: b"events {} http { include /etc/nginx/sites/*; }"}
    texts |= {
        f"/etc/nginx/sites/{name}": f"server {{ listen 80; server_name {name}.example; }}".encode() for name in files
    }
    worker = Process(101, 100, 33, 5, "nginx", "nginx: worker process", "nginx.service", started=1000.0)
    one = nginx_snapshot(texts)
    times = {f"/etc/nginx/sites/{name}": time for name, time in files.items()}
    found = {path: host_file(path, data, modified=times.get(path, 1.0)) for path, data in texts.items()}
    return questions(DERIVED, replace(one, files=found, processes={101: worker})).probes


def test_a_site_whose_file_is_newer_than_the_workers_is_marked_unless_it_is_all_there_is() -> None:
    assert [(probe.url, probe.live) for probe in read_at({"new": 2000.0, "old": 500.0})] == [
        ("http://new.example/", False),
        ("http://old.example/", True),
    ]
    assert [probe.live for probe in read_at({"new": 2000.0})] == [True]
