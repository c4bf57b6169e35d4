"""The command line under a limit: what it printed, how it ended, and the most memory that it held."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.command_line import CHECKOUT, Answer, CommandLine

HARD_LIMIT = 3 << 30
"""Of address space (threads' stacks count there): a run that grows without end must not take the machine with it."""


@dataclass(frozen=True)
class Measured(Answer):
    peak: int
    """Bytes of resident memory."""


def run(command: CommandLine, *words: str, module: str = "invoke", seconds: float = 240) -> Measured:
    """`words` by `python -m MODULE`; killed where it does not end within `seconds`."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words], cwd=CHECKOUT, env=command.surroundings(), stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr,
        )  # fmt: skip
        resource.prlimit(process.pid, resource.RLIMIT_AS, (HARD_LIMIT, HARD_LIMIT))
        peak, deadline = 0, time.monotonic() + seconds
        try:
            while process.poll() is None and time.monotonic() < deadline:
                peak = max(peak, _held(process.pid))
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        said = [_whole(file) for file in (stdout, stderr)]
    return Measured(process.returncode, said[0], said[1], peak)


def _held(pid: int) -> int:
    """The most that it has held so far; its ru_maxrss would begin with what we ourselves hold, who started it."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
