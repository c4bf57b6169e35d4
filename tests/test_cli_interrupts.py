"""Ctrl-C and SIGTERM: no host is left half way, and every host's state is said before the end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests import contract
from tests.command_line import CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.host import LabHost
from tests.patience import eventually
from tests.terminal import Terminal

SITES = "find /etc/nginx -type f -exec sha256sum {} + | sort"
EDIT = ("remediate", "--host", "all", "--only", "upstream-max-fails", "--yes", "--format", "json")


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def hangs(host: LabHost) -> None:
    """Nothing answers on port 80 any more, and nobody is told so."""
    host.sh("kill -STOP $(cat /run/nginx.pid) $(pgrep -P $(cat /run/nginx.pid))")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_facts_are_gathered_ends_at_once_and_changes_nothing(
    number: signal.Signals, web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    before = web1.sh(SITES)
    hangs(web1)
    with Terminal(command, *EDIT, TERM="dumb") as terminal:
        terminal.sees("gathering facts")
        time.sleep(1)
        terminal.signal(number)
        done = terminal.ends()
    assert "web1: diagnosing" not in done.stderr  # it did not wait for the host that hangs
    assert done.exit_code == 130, done
    contract.check(done.document)
    assert (done.host["status"], done.host["changes"]) == ("declined", [])
    assert "interrupted before anything was changed" in done.host["error"]
    assert web1.sh(SITES) == before
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_a_host_is_changed_waits_for_it_and_says_each_state(
    number: signal.Signals, lab_host: LabHostFactory, command: CommandLine
) -> None:
    web1, web2 = lab_host("web1"), lab_host("web2")
    command.knows(web1, web2)
    hangs(web2)
    before = web2.sh(SITES)
    with Terminal(command, *EDIT, "--settle", "6", TERM="dumb") as terminal:
        terminal.sees("applying")
        eventually(lambda: b"max_fails=3" in web1.read("/etc/nginx/sites-available/api"))
        terminal.signal(number)
        terminal.sees("interrupted; waiting")
        done = terminal.ends()
    assert done.exit_code == 130, done
    contract.check(done.document)
    assert {host["host"]: host["status"] for host in done.document["hosts"]} == {"web1": "changed", "web2": "declined"}
    assert b"max_fails=3" in web1.read("/etc/nginx/sites-available/api")
    assert web2.sh(SITES) == before


def test_a_second_ctrl_c_leaves_the_host_to_undo_by_itself(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    before = web1.sh(SITES)
    with Terminal(command, *EDIT, "--settle", "6", "--confirm-timeout", "10", TERM="dumb") as terminal:
        terminal.sees("applying")
        eventually(lambda: web1.sh(SITES) != before)
        terminal.signal(signal.SIGINT)
        terminal.sees("interrupted; waiting")
        terminal.signal(signal.SIGINT)
        done = terminal.ends()
    assert web1.sh(SITES) != before  # it did not wait for the host, which still settles
    assert done.exit_code == 130
    contract.check(done.document)
    assert (done.host["status"], done.host["changes"]) == ("unknown", [])
    assert "interrupted twice" in done.host["error"]
    eventually(lambda: web1.sh(SITES) == before, seconds=120)


def test_a_host_that_was_done_before_the_interruption_keeps_its_result(
    lab_host: LabHostFactory, command: CommandLine
) -> None:
    web1, web2 = lab_host("web1"), lab_host("web2")
    command.knows(web1, web2)
    faults.service_stopped(web1)
    hangs(web2)
    one_by_one = ("--host", "all", "--format", "json", "--forks", "1")
    with Terminal(command, "diagnose", *one_by_one, TERM="dumb") as terminal:
        terminal.sees("web2: gathering facts")  # so web1 is done
        terminal.signal(signal.SIGINT)
        done = terminal.ends()
    states = {host["host"]: host["status"] for host in done.document["hosts"]}
    assert (done.exit_code, states) == (130, {"web1": "diagnosed", "web2": "declined"})
