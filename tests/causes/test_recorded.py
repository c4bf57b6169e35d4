"""The causes on recorded evidence of real hosts: each fault names its cause first, a healthy host none."""

from __future__ import annotations

import dataclasses

import pytest

from remediations import diagnosis, health
from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.findings import Finding
from remediations.host import freshness
from tests.causes.recorded import snapshot

EXPECTED = {
    "healthy": [],
    "service-stopped": [("service-stopped", "php8.2-fpm.service")],
    "service-crashed": [("service-crashed", "php8.2-fpm.service")],
    "start-limit-hit": [("start-limit-hit", "php8.2-fpm.service")],
    "crash-loop": [("start-limit-hit", "php8.2-fpm.service")],
    "socket-deleted": [("socket-deleted", "php8.2-fpm.service")],
    "config-invalid": [("config-invalid", "nginx.service")],
    "config-invalid-stopped": [("config-invalid", "nginx.service"), ("service-crashed", "nginx.service")],
    "pool-exhausted": [("pool-exhausted", "php8.2-fpm.service:www")],
    "pool-blocked": [("pool-blocked", "php8.2-fpm.service:www")],
    "truncated-body": [("truncated-body", "unix:/run/php/php8.2-fpm.sock")],
    "stale-keepalive": [("stale-keepalive", "app")],
    "app-8001-stopped": [("service-stopped", "app@8001.service")],
    "app-8002-stopped": [("service-stopped", "app@8002.service")],
    "apps-stopped": [("service-stopped", "app@8001.service"), ("service-stopped", "app@8002.service")],
    "socket-path-mismatch": [("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock")],
    "socket-permission": [("socket-permission", "unix:/run/php/php8.2-fpm.sock")],
    "address-mismatch": [("address-mismatch", "127.0.0.1:8001"), ("address-mismatch", "127.0.0.1:8002")],
    "socket-permission-folder": [("socket-permission", "unix:/run/php/php8.2-fpm.sock")],
    "socket-permission-group": [("socket-permission", "unix:/run/php/php8.2-fpm.sock")],
    "socket-permission-by-hand": [("socket-permission", "unix:/run/php/php8.2-fpm.sock")],
    "socket-permission-acl": [("socket-permission", "unix:/run/php/php8.2-fpm.sock")],
    "socket-path-mismatch-variable": [("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock")],
    "app-at-own-address": [("service-stopped", "app@8001.service")],
    "dns-stale": [("dns-stale", "backend.internal")],
    "dns-failure-silent": [("dns-failure", "backend.internal"), ("slow-upstream", "api.example")],
    "config-invalid-name": [("config-invalid", "nginx.service")],
    "firewall-reject-own": [("firewall-reject", "192.0.2.7:8003")],
    "firewall-drop-own": [("firewall-drop", "192.0.2.7:8003")],
    "backlog-full": [("backlog-full", "127.0.0.1:8001"), ("slow-upstream", "api.example")],
    "address-mismatch-localhost": [("address-mismatch", "localhost:8001")],
    "service-stopped-environment-file": [("service-stopped", "node.service")],
    "service-stopped-socket-unit": [("service-stopped", "web.socket")],
    "start-limit-hit-socket-unit": [("start-limit-hit", "web.service")],
    "header-too-big": [("header-too-big", "unix:/run/php/php8.2-fpm.sock")],
    "upstream-closed": [("upstream-closed", "127.0.0.1:8001"), ("upstream-closed", "127.0.0.1:8002")],
    "protocol-mismatch": [("protocol-mismatch", "127.0.0.1:8001")],
    "slow-upstream": [("slow-upstream", "unix:/run/php/php8.2-fpm.sock")],
    "worker-segfault": [("worker-segfault", "php8.2-fpm.service:www")],
    "worker-killed": [("worker-killed", "php8.2-fpm.service:www")],
    "request-terminated": [("request-terminated", "php8.2-fpm.service:www")],
    "tls-mismatch": [("tls-mismatch", "127.0.0.1:8001"), ("tls-mismatch", "127.0.0.1:8002")],
    "dns-failure": [("dns-failure", "backend.internal")],
    "firewall-reject": [("firewall-reject", "192.0.2.9:8001")],
    "firewall-drop": [("firewall-drop", "192.0.2.9:8001")],
    "connect-forbidden": [("selinux-denied", "192.0.2.9:8001")],
    "no-live-upstreams": [("no-live-upstreams", "app")],
    "nginx-file-limit": [("nginx-file-limit", "nginx.service")],
    "disk-full": [("disk-full", "/var/log")],
    "sessions-disk-full": [("disk-full", "/var/lib/php/sessions")],
    "inodes-full": [("inodes-full", "/var/lib/php/sessions")],
    "database-down": [("database-down", "mariadb.service")],
    "database-disk-full": [("disk-full", "/var/lib/mysql"), ("database-down", "mariadb.service")],
    "worker-oom": [("worker-oom", "php8.2-fpm.service:www")],
    "worker-connections": [("worker-connections", "nginx.service")],
    "unit-broken": [("unit-broken", "app@8001.service"), ("unit-broken", "app@8002.service")],
    "unit-broken-user": [("unit-broken", "app@8001.service"), ("unit-broken", "app@8002.service")],
    "unit-broken-folder": [("unit-broken", "app@8001.service"), ("unit-broken", "app@8002.service")],
    "unit-broken-resources": [("unit-broken", "app@8001.service"), ("unit-broken", "app@8002.service")],
    "unit-masked": [("unit-masked", "php8.2-fpm.service")],
    "unit-not-found": [("unit-not-found", "php8.2-fpm.service")],
    "port-conflict": [("port-conflict", "nginx.service")],
    "port-conflict-fpm": [("port-conflict", "php8.2-fpm.service")],
    "port-orphan": [("port-conflict", "app@8001.service"), ("port-conflict", "app@8002.service")],
    "config-invalid-at-start": [("config-invalid", "php8.2-fpm.service"), ("service-crashed", "php8.2-fpm.service")],
    "config-invalid-reload": [("config-invalid", "php8.2-fpm.service"), ("service-crashed", "php8.2-fpm.service")],
    "reload-not-applied": [("reload-not-applied", "nginx.service")],
    "reload-zone-changed": [("reload-not-applied", "nginx.service")],
}
AGES = {"fresh": 14 * 60, "old": 16 * 60}
GOOD_SITES = (
    "healthy", "config-invalid", "config-invalid-name", "app-8001-stopped", "app-8002-stopped", "port-conflict",
    "port-conflict-fpm", "reload-not-applied", "reload-zone-changed", "disk-full", "stale-keepalive",
)  # fmt: skip
BAD_SITES = {name for name in EXPECTED if name not in GOOD_SITES}


def named(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.cause, finding.subject) for finding in findings]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_fault_names_its_cause_first_and_nothing_that_is_not_there(name: str) -> None:
    assert named(diagnosis.diagnose(snapshot(name))) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_site_is_bad_where_the_fault_stops_it(name: str) -> None:
    assert health.judge(snapshot(name).answers).ok is (name not in BAD_SITES)


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("service-stopped", "journal:php8.2-fpm.service", "Stopped php8.2-fpm.service"),
        ("service-stopped", "log:/var/log/nginx/error.log", "failed (2: No such file or directory)"),
        ("service-crashed", "journal:php8.2-fpm.service", "code=killed, status=9/KILL"),
        ("service-crashed", "log:/var/log/nginx/error.log", "failed (111: Connection refused)"),
        ("start-limit-hit", "journal:php8.2-fpm.service", "Start request repeated too quickly"),
        ("socket-deleted", "file:/run/php/php8.2-fpm.sock", "No such file or directory"),
        ("config-invalid", "file:/etc/nginx/sites-enabled/zz-typo:3", "unknown directive"),
        ("pool-exhausted", "log:/var/log/php8.2-fpm.log", "server reached pm.max_children setting (2)"),
        ("pool-blocked", "process", "2 of the 2 workers that serve a request wait"),
        ("pool-blocked", "socket", "2 of them are connected to 127.0.0.1:3306"),
        ("apps-stopped", "log:/var/log/nginx/error.log", "http://127.0.0.1:8001"),
    ],
)
def test_a_finding_shows_the_lines_it_rests_on(name: str, source: str, text: str) -> None:
    evidence = diagnosis.diagnose(snapshot(name))[0].evidence
    assert any(one.source == source and text in one.text for one in evidence), evidence


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"healthy"}))
def test_every_finding_says_what_is_to_be_done(name: str) -> None:
    for finding in diagnosis.diagnose(snapshot(name)):
        assert finding.remediation or finding.advice


def test_old_lines_of_a_healthy_host_are_history() -> None:
    """The logs of an exhausted pool, an hour later."""
    ill, well = snapshot("pool-exhausted"), snapshot("healthy")
    assert not isinstance(ill.logs, Unknown)
    later = dataclasses.replace(ill.machine, now=ill.machine.now + 3600, uptime=ill.machine.uptime + 3600)
    old = dataclasses.replace(well, logs=ill.logs, journal=ill.journal, machine=later)
    assert diagnosis.diagnose(old) == ()


def test_what_cannot_be_seen_is_unknown_and_never_nothing() -> None:
    blind = dataclasses.replace(
        snapshot("service-crashed"), units=Unknown("not root"), sockets=Unknown("not root"), journal=Unknown("not root")
    )
    (finding,) = diagnosis.diagnose(blind)
    assert (finding.cause, finding.confidence, finding.remediation) == ("unknown", "unknown", None)
    assert "units (not root)" in str(finding.advice)


def test_a_daemon_that_is_down_is_started_once_its_configuration_is_mended() -> None:
    advice = str(diagnosis.diagnose(snapshot("config-invalid-stopped"))[0].advice)
    assert "systemctl start nginx.service" in advice
    assert "full outage" not in advice
    running = str(diagnosis.diagnose(snapshot("config-invalid"))[0].advice)
    assert "Do not restart before that" in running
    assert "systemctl start" not in running


@pytest.mark.parametrize(
    ("path", "lines", "shown"),
    [
        ("/log", "{fresh} [error] 7#7: connect() failed\n", "connect() failed"),
        ("/log", "{old} [error] 7#7: connect() failed\n", None),
        ("/log", "{fresh} [error] 7#7: FastCGI sent:\nPHP message: gone away\n", "PHP message: gone away"),
        ("/log", "{old} [error] 7#7: FastCGI sent:\nPHP message: gone away\n", None),
        ("/log", "a line without a time\n", "a line without a time"),
        ("/log", "2026/99/99 99:99:99 [error] odd\n", "odd"),
        ("/log", "", None),
    ],
)
def test_an_unknown_cause_shows_how_each_log_ends_unless_that_is_history(
    path: str, lines: str, shown: str | None
) -> None:
    host = snapshot("service-crashed")
    now = host.machine.now
    times = {name: freshness.clock(host.machine, now - ago).replace("-", "/") for name, ago in AGES.items()}
    log = Log(path, lines.format(**times).encode(), cut=False)
    evidence = diagnosis.unknown(dataclasses.replace(host, logs={path: log})).evidence
    found = [each.text for each in evidence if each.source == f"log:{path}"]
    assert len(found) == (0 if shown is None else 1)
    assert all(shown in text for text in found if shown)


def test_the_times_of_php_fpm_are_read_too() -> None:
    machine = snapshot("service-crashed").machine
    time = freshness.log_time(machine, "[22-Nov-2026 13:05:00] WARNING: [pool www] seems busy")
    assert time == freshness.log_time(machine, "2026/11/22 13:05:00 [error] 7#7: x")
    assert freshness.log_time(machine, "#0 /srv/index.php(3)") is None


def test_a_masked_unit_is_said_to_be_masked() -> None:
    stopped = snapshot("service-stopped")
    assert not isinstance(stopped.units, Unknown)
    unit = dataclasses.replace(stopped.units["php8.2-fpm.service"], load_state="masked", unit_file_state="masked")
    masked = dataclasses.replace(stopped, units={**stopped.units, unit.name: unit})
    assert "systemctl unmask php8.2-fpm.service" in str(diagnosis.diagnose(masked)[0].advice)


def test_a_stopped_app_whose_site_is_good_is_not_why_another_site_is_bad() -> None:
    """One of two apps is stopped, the other answers for both; the shop's own fault comes first."""
    host = snapshot("socket-path-mismatch")
    assert not isinstance(host.units, Unknown)
    assert not isinstance(host.sockets, Unknown)
    app = "app@8002.service"
    stopped = dataclasses.replace(host.units[app], active_state="inactive", sub_state="dead", main_pid=0)
    sockets = tuple(one for one in host.sockets if one.port != 8002)
    both = dataclasses.replace(host, units={**host.units, app: stopped}, sockets=sockets)
    assert named(diagnosis.diagnose(both)) == [
        ("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock"), ("service-stopped", app)
    ]  # fmt: skip
