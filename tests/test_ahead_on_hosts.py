"""The installed command reaches its hosts before Invoke is loaded: one login each, whatever ssh_config says."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT, CommandLine
from tests.lab.host import LabHost
from tests.patience import eventually

REMEDIATE = str(Path(sys.executable).parent / "remediate")
CONFIGS = {
    "none": "",
    "of another host": "Host bastion\n  HostName 192.0.2.9\n",
    "its own": "Host web1\n  ConnectTimeout 9\n",
}


@pytest.fixture
def command(tmp_path: Path, web1: LabHost) -> CommandLine:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    command = CommandLine(tmp_path, {"HOME": str(tmp_path)})
    command.knows(web1)
    return command


def started(command: CommandLine, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [REMEDIATE, *words], cwd=CHECKOUT, env=command.surroundings(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    with process:
        stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout + stderr


def logins(host: LabHost) -> int:
    return host.sh("journalctl -q -o cat -t sshd").count(b"Accepted publickey")


@pytest.mark.parametrize("config", CONFIGS)
def test_each_run_logs_in_once_and_loads_its_libraries_in_peace(
    config: str, web1: LabHost, command: CommandLine
) -> None:
    """Where two threads entered Invoke from two ends, two of three runs ended in a traceback."""
    (command.folder / ".ssh" / "config").write_text(CONFIGS[config])
    before = logins(web1)
    for _ in range(5):
        code, said = ended(started(command, "diagnose", "--host", "web1"))
        assert (code, "Traceback" in said) == (0, False), said
    assert logins(web1) - before == 5


@pytest.mark.parametrize(
    "words",
    ["diagnose --host web1 --dry-run", "--host web1 --yes undo", "--host web1 --forks x", "verify --host web1 lab"],
)
def test_words_that_are_refused_reach_no_host(words: str, web1: LabHost, command: CommandLine) -> None:
    before = logins(web1)
    code, said = ended(started(command, *words.split()))
    assert (code, "Traceback" in said) == (1, False), said
    assert logins(web1) == before


def catches_sigterm(process: subprocess.Popen[str]) -> bool:
    """Python by itself does not: our first statement has run."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_it_starts_is_said_and_never_hangs(number: signal.Signals, command: CommandLine) -> None:
    for after in (0, 0.05, 0.1, 0.2):
        process = started(command, "--host", "web1", "--dry-run")
        eventually(partial(catches_sigterm, process))
        time.sleep(after)
        process.send_signal(number)
        code, said = ended(process)
        assert (code, "Traceback" in said) == (130, False), (after, said)
        assert "interrupted" in said
