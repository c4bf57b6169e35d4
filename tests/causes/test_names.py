"""dns-stale, a silent resolver, full queues and this host's own filter: on real answers with one fact altered."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.snapshot import Snapshot
from tests.causes.alter import found
from tests.causes.recorded import snapshot

MOVED = snapshot("dns-stale")
NAME = "backend.internal"


def test_a_name_that_has_moved_is_looked_up_anew_by_a_reload() -> None:
    first = diagnosis.diagnose(MOVED)[0]
    assert (first.cause, first.subject, first.remediation) == ("dns-stale", NAME, "reload-nginx")
    assert any("getent ahosts backend.internal: 127.0.0.1" in one.text for one in first.evidence)


@pytest.mark.parametrize(
    "names",
    [
        {NAME: (ip_address("192.0.2.9"),)},
        {NAME: (ip_address("127.0.0.1"), ip_address("192.0.2.9"))},
        {NAME: ()},
        {NAME: Unknown("not looked up")},
        Unknown("getent is not installed"),
    ],
)
def test_where_the_name_still_stands_for_it_or_nobody_knows_the_way_is_closed(names: object) -> None:
    same = replace(MOVED, names=names)  # type: ignore[arg-type]  # a fact, as each case has it
    assert found(same) == [("firewall-reject", "192.0.2.9:8001")]


def test_an_address_that_a_file_names_is_no_names_old_one() -> None:
    site = MOVED.file_at("/etc/nginx/sites-available/shop")
    assert site
    text = site.data + b"server { listen 81; location / { proxy_pass http://192.0.2.9:8001; } }\n"
    assert ("dns-stale", NAME) not in found(MOVED.with_file(site.real_path, text))


def test_a_resolver_that_answers_is_not_at_fault() -> None:
    host = snapshot("dns-failure-silent")
    assert not isinstance(host.resolvers, Unknown)
    alive = replace(host, resolvers=dict.fromkeys(host.resolvers, True))
    assert found(alive) == [("slow-upstream", "api.example")]


def test_a_silent_resolver_of_a_site_that_answers_is_no_finding() -> None:
    silent = snapshot("dns-failure-silent").resolvers
    assert found(replace(snapshot("healthy"), resolvers=silent)) == []


def with_queue(host: Snapshot, waiting: int) -> Snapshot:
    assert not isinstance(host.sockets, Unknown)
    sockets = tuple(replace(one, waiting=waiting, backlog=2) if one.port == 8001 else one for one in host.sockets)
    return replace(host, sockets=sockets)


def test_a_queue_with_room_is_not_full_and_a_site_that_answers_has_no_full_one() -> None:
    assert ("backlog-full", "127.0.0.1:8001") in found(with_queue(snapshot("backlog-full"), 2))
    assert ("backlog-full", "127.0.0.1:8001") not in found(with_queue(snapshot("backlog-full"), 1))
    assert found(with_queue(snapshot("healthy"), 3)) == []


@pytest.mark.parametrize(("name", "act"), [("firewall-reject-own", "reject"), ("firewall-drop-own", "drop")])
def test_where_somebody_of_this_host_listens_its_own_filter_is_meant(name: str, act: str) -> None:
    first = diagnosis.diagnose(snapshot(name))[0]
    assert f"this host itself {act}s" in first.summary
    assert "tcp dport 8003 accept" in str(first.advice)
    assert any("app-own.service listens at" in one.text for one in first.evidence)


def test_where_the_hosts_addresses_are_unknown_that_host_may_be_another() -> None:
    blind = replace(snapshot("firewall-reject-own"), addresses=Unknown("no ip"))
    assert "Another host" in str(diagnosis.diagnose(blind)[0].advice)


def test_a_name_that_is_not_found_is_said_to_be_one() -> None:
    (finding,) = diagnosis.diagnose(snapshot("config-invalid-name"))
    assert "cannot resolve backend.internal" in str(finding.advice)


def test_what_a_dead_nginx_has_said_is_history() -> None:
    host = snapshot("firewall-reject")
    assert host.live_nginx
    dead = replace(host, nginx=replace(host.live_nginx, master=None))
    assert ("firewall-reject", "192.0.2.9:8001") not in found(dead)
