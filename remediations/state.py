"""Where this side keeps what outlives a run: its report, before-images, logs of our own bugs."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
"""What the folder of a run is called: only such are ever pruned."""
MOST_RUNS = 200
MOST_SECONDS = 90 * 24 * 3600


def folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/remediate`, by default ~/.local/state/remediate."""
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "remediate"


def make_private(folder: Path) -> None:
    """The folder and those above it that are missing, for their owner alone: `parents=True` would open them to all."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def keep_report(folder: Path, run: str, document: str) -> None:
    """Writes the run's report, masked as it is, beside its before-images; drops runs that are old or too many.

    Raises OSError where it cannot be written.
    """
    make_private(folder / run)
    with open(os.open(folder / run / "report.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(document)
    prune(folder, now=time.time())


def prune(folder: Path, *, now: float) -> None:
    """Keeps the newest runs, and of those the ones of the last 90 days."""
    runs = sorted((each for each in folder.iterdir() if RUN.fullmatch(each.name)), reverse=True)
    for number, each in enumerate(runs):
        if number >= MOST_RUNS or now - each.stat().st_mtime > MOST_SECONDS:
            shutil.rmtree(each)
