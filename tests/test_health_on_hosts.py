"""A host with servers that refuse by design and an operator's limit is healthy; what is dead is still seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.lab import faults
from tests.lab.host import LabHost

REFUSING = b"""limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/s;
server { listen 80; server_name _ ""; return 444; }
server { listen 8080 default_server; return 444; }
server { listen 443 ssl default_server; ssl_reject_handshake on; }
server { listen 80; server_name moved.example; return 503; }
server { listen 80; server_name pause.example; location / { return 503; } }
server {
    listen 80;
    server_name slow.example;
    location / { limit_req zone=slow; proxy_pass http://app; }
    location /login { limit_req zone=slow; proxy_pass http://app; }
}
"""
PLACE = "/etc/nginx/conf.d/zz-refusing.conf"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def refusing(web1: LabHost, command: CommandLine) -> LabHost:
    """Served since its workers began, and long enough ago that no file is newer than they are."""
    command.knows(web1)
    web1.write(PLACE, REFUSING)
    web1.sh(f"touch -d '5 seconds ago' {PLACE}")
    web1.reload_nginx()
    return web1


def test_what_refuses_by_design_does_not_make_a_host_bad(refusing: LabHost, command: CommandLine) -> None:
    assert refusing.get("moved.example").status == 503
    for _ in range(2):
        verified = command.json("verify", "--for", "0s", "--host", "web1")
        assert verified.exit_code == 0, verified
        assert verified.host["health"]["before"]["ok"] is True
    assert "limit_req (503)" in verified.host["health"]["before"]["summary"]


def test_harden_stays_beside_servers_that_refuse_and_a_limit_of_the_operator(
    refusing: LabHost, command: CommandLine
) -> None:
    done = command.remediate("--playbook", "harden")
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert done.host["changes"]
    assert b"limit_req" in refusing.read("/etc/nginx/sites-available/shop")
    again = command.remediate("--playbook", "harden")
    assert (again.exit_code, again.host["status"], again.host["changes"]) == (0, "ok", [])


def test_a_dead_backend_is_seen_behind_a_limit(refusing: LabHost, command: CommandLine) -> None:
    faults.service_stopped(refusing, "app@*.service")
    verified = command.json("verify", "--for", "0s", "--host", "web1")
    assert (verified.exit_code, verified.host["health"]["before"]["status"]) == (3, 502), verified


def test_a_site_that_waits_for_a_reload_is_no_outage(refusing: LabHost, command: CommandLine) -> None:
    refusing.write("/etc/nginx/conf.d/inc.conf", b"server { listen 8088; server_name inc.example; return 200 hi; }\n")
    refusing.sh("touch -d '3 seconds' /etc/nginx/conf.d/inc.conf")  # a process's start is known to a second or two
    verified = command.json("verify", "--for", "0s", "--host", "web1")
    assert verified.exit_code == 0, verified
    named = command.json("diagnose", "--host", "web1").host
    assert [one["cause"] for one in named["findings"]] == ["pending-restart"]
    refusing.sh("systemctl stop nginx")
    stopped = command.json("verify", "--for", "0s", "--host", "web1")
    assert stopped.exit_code == 3
    assert "connection refused" in stopped.host["health"]["before"]["summary"]


def test_an_unresolved_name_is_explained_and_a_missing_text_is_named(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    asked = command.json("verify", "--for", "0s", "--host", "web1", "--health-url", "https://tls.example/")
    assert asked.exit_code == 3
    assert "health: {url: http://localhost/, host: tls.example}" in asked.host["health"]["before"]["summary"]
    command.knows(web1, health={"url": "http://localhost/", "host": "shop.example", "contains": "no such text"})
    (finding,) = command.json("diagnose", "--host", "web1").host["findings"]
    assert finding["cause"] == "unknown"
    assert "'no such text' is missing" in finding["summary"]
