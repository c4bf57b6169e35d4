"""The command line at a terminal: it shows, asks, and takes no for an answer."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests import contract
from tests.command_line import CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.features import DEPLOY_PASSWORD
from tests.lab.host import LabHost
from tests.terminal import Terminal

EDIT = ("remediate", "--host", "web1", "--only", "upstream-max-fails")


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.mark.parametrize("answer", ["n\n", "\n", "perhaps\n", "\x04"], ids=["n", "enter", "perhaps", "end"])
def test_the_diff_is_shown_before_the_question_and_no_changes_nothing(
    answer: str, web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    before = web1.sh("find /etc -type f -printf '%p %T@ %s\\n' | sort")
    with Terminal(command, *EDIT, "--format", "json") as terminal:
        terminal.sees("Apply this to web1? [y/N]")
        shown, _, _ = terminal.seen.partition("Apply this")
        assert re.search(r"^ +\+.*max_fails=3", shown, re.M)
        terminal.types(answer)
        done = terminal.ends()
    assert done.exit_code == 1
    contract.check(done.document)
    assert (done.host["status"], done.host["changes"]) == ("declined", [])
    assert web1.sh("find /etc -type f -printf '%p %T@ %s\\n' | sort") == before


def test_yes_applies_to_the_hosts_with_a_plan_and_the_others_keep_their_result(
    web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    text = (command.folder / "inventory.yml").read_text()
    command.write_inventory(
        text.replace("  hosts:\n", "  hosts:\n    dead: {ansible_host: 127.0.0.1, ansible_port: 1}\n")
    )
    with Terminal(
        command, "remediate", "--host", "all", "--only", "upstream-max-fails", "--format", "json"
    ) as terminal:
        terminal.sees("Apply this to web1? [y/N]")
        terminal.types("y\n")
        done = terminal.ends()
    assert {host["host"]: host["status"] for host in done.document["hosts"]} == {
        "dead": "unreachable", "web1": "changed",
    }, done  # fmt: skip
    assert done.exit_code == 4
    assert "max_fails=3" in web1.read("/etc/nginx/sites-available/api").decode()


def test_ctrl_c_at_the_question_is_an_interruption_with_nothing_changed(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    with Terminal(command, *EDIT, "--format", "json") as terminal:
        terminal.sees("[y/N]")
        terminal.types("\x03")
        done = terminal.ends()
    assert (done.exit_code, done.host["status"], done.host["changes"]) == (130, "declined", [])
    assert "Traceback" not in done.stderr


def test_the_sudo_password_is_asked_for_without_an_echo(lab_host: LabHostFactory, command: CommandLine) -> None:
    host = lab_host("web1", variant="sudo-password")
    command.knows(host)
    faults.service_stopped(host)
    with Terminal(command, "remediate", "--host", "web1", "--yes", "--ask-become-pass", "--format", "json") as terminal:
        terminal.sees("sudo password: ")
        terminal.types(f"{DEPLOY_PASSWORD}\n")
        done = terminal.ends()
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert DEPLOY_PASSWORD not in done.stdout + done.stderr


def test_a_wrong_sudo_password_changes_nothing_and_is_not_shown(lab_host: LabHostFactory, command: CommandLine) -> None:
    host = lab_host("web1", variant="sudo-password")
    command.knows(host)
    with Terminal(command, "diagnose", "--host", "web1", "--ask-become-pass", "--format", "json") as terminal:
        terminal.sees("sudo password: ")
        terminal.types("wr0ng-canary\n")
        done = terminal.ends()
    assert done.exit_code == 3
    contract.check(done.document)
    assert "did not accept the password" in done.host["error"]
    assert "wr0ng-canary" not in done.stdout + done.stderr


def test_sigterm_at_the_password_prompt_ends_it(command: CommandLine) -> None:
    command.write_inventory("all: {hosts: {web1: {}}}")
    with Terminal(command, "diagnose", "--host", "web1", "--ask-become-pass") as terminal:
        terminal.sees("sudo password: ")
        terminal.signal(signal.SIGTERM)
        done = terminal.ends()
    assert done.exit_code == 130
    assert "nothing was changed" in done.stderr
