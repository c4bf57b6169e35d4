"""The command line under a limit: what it printed, how it ended, and the most memory that it held."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
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
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said = [_whole(file) for file in (stdout, stderr)]
    return Measured(process.returncode, said[0], said[1], usage.ru_maxrss * 1024)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
