"""Programs of this machine, run to their end; a failure carries what they said."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.lab.errors import LabError


def run(*argv: str | Path, stdin: bytes = b"", timeout: float = 60, env: Mapping[str, str] | None = None) -> bytes:
    """Runs a program and returns its stdout; LabError if it fails or takes longer than `timeout` seconds."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=timeout, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(words)}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="backslashreplace").strip()
        raise LabError(f"{' '.join(words)}: exit code {done.returncode}: {said}")
    return done.stdout
