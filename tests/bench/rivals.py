"""The two sides of a bench: the toolkit as a user types it, and OpenSSH's own client, both as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.recording import Recording
from tests.lab.errors import LabError
from tests.lab.host import LabHost

CHECKOUT = Path(__file__).parents[2]
SECONDS = 120


class BenchError(LabError):
    """A run of either side did not do what is being measured."""


def environment(scratch: Path) -> Mapping[str, str]:
    """Ours, but modules are compiled once, as on any machine, and nothing is written into the checkout or the home."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"), "XDG_STATE_HOME": str(scratch / "state")}


def toolkit(words: Sequence[str], expected: int, scratch: Path) -> float:
    """Seconds of one whole process that must end with the expected exit code."""
    start = time.monotonic()
    done = subprocess.run(
        words, cwd=CHECKOUT, env=environment(scratch), capture_output=True, timeout=SECONDS, check=False
    )
    seconds = time.monotonic() - start
    if done.returncode != expected:
        raise BenchError(f"{' '.join(words)}: exit code {done.returncode}, not {expected}: {done.stderr.decode()}")
    return seconds


def program(name: str) -> str:
    """A command of the environment that we run in."""
    return str(Path(sys.executable).parent / name)


def bare_ssh(hosts: Sequence[LabHost], recordings: Mapping[str, Recording], said: bytes) -> float:
    """Seconds until every host has answered its own `ssh HOST 'exec /bin/sh -s'`, all asked at the same time.

    `said` must stand in each answer.
    """
    with ThreadPoolExecutor(len(hosts)) as pool:
        start = time.monotonic()
        asked = [pool.submit(host.ssh, "exec /bin/sh -s", stdin=recordings[host.name].stdin) for host in hosts]
        answers = [each.result().stdout for each in asked]
        seconds = time.monotonic() - start
    for host, answer in zip(hosts, answers, strict=True):
        if said not in answer:
            raise BenchError(f"{host.name}: the bare ssh did not answer {said.decode()!r} but {answer[-500:]!r}")
    return seconds
