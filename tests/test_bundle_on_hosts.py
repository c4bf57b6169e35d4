"""A bundle of real hosts: it tells what they told, holds no secret of theirs, and needs none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediations.bundle import archive
from tests import contract
from tests.command_line import CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.test_cli_secrets import CANARY, check_output, know, plant

LEAK = f"""server {{
    listen 80; server_name leak.example;
    add_header Set-Cookie "session={CANARY}cookie" always;
    location = / {{ return 500 "the password: {CANARY}body"; }}
    location /app {{ proxy_pass http://127.0.0.1:8099; }}
}}
"""


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_a_host_with_several_faults_is_told_the_same_by_its_bundle(
    lab_host: LabHostFactory, command: CommandLine
) -> None:
    host = lab_host("web1", variant="sudo-password")
    know(command, host, host="leak.example")
    inventory = (command.folder / "inventory.yml").read_text()
    plant(host)
    host.write("/etc/nginx/conf.d/leak.conf", LEAK.encode())
    host.reload_nginx()
    host.get("api.example", f"/?token={CANARY}journal")
    host.get("leak.example", f"/app?token={CANARY}log")
    faults.FAULTS["app-8001-stopped"](host)
    host.sh("touch -d '+5 seconds' /etc/nginx/conf.d/leak.conf")  # not read yet
    kept = command.folder / "bundle.tar.gz"
    live = command.json("diagnose", "--host", "all", "--save", str(kept))
    assert live.exit_code == 0, live
    assert "holds the evidence of web1, secrets masked" in live.stderr
    assert "since secrets are masked" not in live.stderr
    causes = [finding["cause"] for finding in live.host["findings"]]
    assert {"service-stopped", "pending-restart", "app-down"} <= set(causes), causes

    command.write_inventory("not even: [yaml")
    host.stop()
    again = command.json("diagnose", "--from", str(kept))
    contract.check(again.document)
    assert again.exit_code == 0, again
    assert again.host["findings"] == live.host["findings"]
    assert again.host["health"] == live.host["health"]
    assert again.host["notes"][0].startswith(f"from: {kept}, gathered ")

    members = archive.members(archive.unpack(kept.read_bytes()))
    assert kept.stat().st_mode & 0o777 == 0o600
    for name, data in members.items():
        assert CANARY.encode() not in data, name
        assert b"\x1b" not in data, name
    assert CANARY in inventory
    assert "token=***" in members["hosts/web1/facts/journal.json"].decode()
    assert "Set-Cookie: ***" in members["hosts/web1/facts/answers.json"].decode()
    for answer in (live, again):
        check_output(answer)
