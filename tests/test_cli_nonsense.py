"""Hosts that cannot be worked with: a clear error, the right exit code, nothing changed, and the other hosts go on."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import contract
from tests.command_line import Answer, CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults, resource_faults
from tests.lab.features import DEPLOY_PASSWORD
from tests.lab.host import LabHost
from tests.lab.inventory import variables

SITES = "find /etc -type f -exec sha256sum {} + | sort"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def knows(command: CommandLine, **hosts: dict[str, Any]) -> None:
    command.write_inventory(yaml.safe_dump({"all": {"hosts": hosts}}, sort_keys=False))


def of(answer: Answer, name: str) -> dict[str, Any]:
    (host,) = [host for host in answer.document["hosts"] if host["host"] == name]
    found: dict[str, Any] = host
    return found


def key_pair(folder: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    return folder / "key"


def arguments(known_hosts: Path) -> str:
    return f"-o UserKnownHostsFile={known_hosts}"


def test_hosts_that_cannot_be_reached_say_why_and_the_others_are_cured(
    web1: LabHost, command: CommandLine, tmp_path: Path
) -> None:
    good = variables(web1)
    other = key_pair(tmp_path)
    changed, empty = tmp_path / "changed", tmp_path / "empty"
    public = other.with_suffix(".pub").read_text().split()[:2]
    changed.write_text(f"{web1.address} {' '.join(public)}\n")
    empty.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        knows(
            command,
            refused={"ansible_host": "127.0.0.1", "ansible_port": 1},
            silent={"ansible_host": "127.0.0.1", "ansible_port": silent.getsockname()[1]},
            noname={"ansible_host": "no-such-host.invalid"},
            wrongkey={**good, "ansible_ssh_private_key_file": str(other)},
            changedkey={**good, "ansible_ssh_common_args": arguments(changed)},
            unknownkey={**good, "ansible_ssh_common_args": arguments(empty)},
            web1=good,
        )
        faults.service_stopped(web1)
        answer = command.remediate("--host", "all")
    contract.check(answer.document)
    assert answer.exit_code == 4, answer
    assert of(answer, "web1")["status"] == "changed"
    errors = {host["host"]: host["error"] for host in answer.document["hosts"] if host["host"] != "web1"}
    assert {of(answer, name)["status"] for name in errors} == {"unreachable"}
    for name, words in {
        "refused": "refused",
        "silent": "within",
        "noname": "resol",
        "wrongkey": "rejected",
        "changedkey": "ssh-keygen -f",
        "unknownkey": "ssh-keyscan",
    }.items():
        assert words in errors[name], errors
        assert "\n" not in errors[name]


def test_a_blackhole_is_left_after_its_time_limit(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    ours = ipaddress.ip_address(web1.address) - 1  # the other end of its cable
    web1.sh(f"ip route add blackhole {ours}/32")
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"]) == (4, "unreachable"), answer
    contract.check(answer.document)
    assert "web1" in answer.host["error"]


REFUSES = ("sudo-password", "needs a password"), ("no-sudo", "sudo")


@pytest.mark.parametrize(("variant", "words"), REFUSES)
def test_a_login_that_may_not_become_root_changes_nothing(
    variant: str, words: str, lab_host: LabHostFactory, command: CommandLine
) -> None:
    host = lab_host("web1", variant=variant)
    command.knows(host)
    faults.service_stopped(host)
    before = host.sh(SITES)
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"]) == (3, "refused"), answer
    contract.check(answer.document)
    assert words in answer.host["error"]
    assert host.sh(SITES) == before
    assert host.sh("systemctl is-active php8.2-fpm || true").strip() == b"inactive"


def test_without_asking_for_root_what_is_not_known_is_unknown_and_nothing_is_changed(
    lab_host: LabHostFactory, command: CommandLine
) -> None:
    host = lab_host("web1", variant="sudo-user")
    command.knows(host, ansible_become=False)
    faults.service_stopped(host)
    answer = command.remediate()
    assert answer.exit_code == 3, answer
    contract.check(answer.document)
    assert answer.host["changes"] == []
    assert host.sh("systemctl is-active php8.2-fpm || true").strip() == b"inactive"


def test_the_sudo_password_comes_from_the_environment(lab_host: LabHostFactory, tmp_path: Path) -> None:
    host = lab_host("web1", variant="sudo-password")
    command = CommandLine(tmp_path, {"REMEDIATE_BECOME_PASSWORD": DEPLOY_PASSWORD})
    command.knows(host)
    faults.service_stopped(host)
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"]) == (0, "changed"), answer
    assert DEPLOY_PASSWORD not in answer.stdout + answer.stderr


@pytest.mark.parametrize("folder", ["/var/log", "/etc/nginx", "/run"])
def test_a_full_disk_leaves_every_byte_in_place(folder: str, web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    resource_faults.disk_full(web1, folder)
    before = web1.sh("find /etc/nginx -type f ! -name zero -exec sha256sum {} + | sort")
    answer = command.remediate("--only", "upstream-max-fails")
    contract.check(answer.document)
    after = web1.sh("find /etc/nginx -type f ! -name zero -exec sha256sum {} + | sort")
    if answer.host["status"] == "changed":
        assert folder != "/etc/nginx"
        assert after != before
    else:
        assert answer.exit_code == 3, answer
        assert answer.host["status"] in ("refused", "rolled_back"), answer
        assert answer.host["error"]
        assert after == before


def test_a_shell_of_fish_that_prints_garbage_does_not_disturb(lab_host: LabHostFactory, command: CommandLine) -> None:
    host = lab_host("web1", variant="fish,noisy,sudo-user")
    command.knows(host)
    answer = command.dry_run("--only", "upstream-max-fails")
    assert (answer.exit_code, answer.host["status"]) == (0, "planned"), answer
    contract.check(answer.document)


def test_a_plan_that_is_not_the_reviewed_one_is_refused_and_the_reviewed_one_is_applied(
    web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    only = ("--only", "upstream-max-fails")
    dry = command.dry_run(*only, "--detailed-exitcode")
    assert (dry.exit_code, dry.host["status"]) == (2, "planned"), dry
    contract.check(dry.document)
    before = web1.sh(SITES)
    other = command.remediate(*only, "--plan", "0123456789abcdef")
    assert (other.exit_code, other.host["status"]) == (3, "refused")
    contract.check(other.document)
    assert "not the reviewed 0123456789abcdef" in other.host["error"]
    assert web1.sh(SITES) == before
    done = command.remediate(*only, "--plan", dry.host["plan"][:16], "--detailed-exitcode")
    assert (done.exit_code, done.host["status"]) == (2, "changed"), done
    contract.check(done.document)
    again = command.remediate(*only, "--detailed-exitcode")
    assert (again.exit_code, again.host["status"]) == (0, "ok")
    contract.check(again.document)


def test_diagnose_and_verify_answer_with_the_same_document_and_their_own_codes(
    web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    well = [
        command.json("verify", "--for", "0s", "--host", "web1"),
        command.json("diagnose", "--host", "web1", "--detailed-exitcode"),
    ]
    faults.service_stopped(web1)
    bad = command.json("verify", "--host", "web1")
    named = command.json("diagnose", "--host", "web1")
    detailed = command.json("diagnose", "--host", "web1", "--detailed-exitcode")
    for answer in (*well, bad, named, detailed):
        contract.check(answer.document)
        assert answer.document["dry_run"] is True
    assert [answer.exit_code for answer in well] == [0, 0]
    assert (bad.exit_code, bad.host["health"]["before"]["ok"]) == (3, False)
    assert (named.exit_code, named.host["status"]) == (0, "diagnosed")
    assert detailed.exit_code == 3


def test_nothing_is_changed_where_the_report_could_not_be_written(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    before = web1.sh(SITES)
    answer = command("remediate", "--host", "web1", "--yes", "--only", "upstream-max-fails", "--output", "/nowhere/x")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert web1.sh(SITES) == before
