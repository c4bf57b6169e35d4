"""Where this side keeps what outlives a run: before-images, logs of our own bugs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/remediate`, by default ~/.local/state/remediate."""
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "remediate"


def make_private(folder: Path) -> None:
    """The folder and those above it that are missing, for their owner alone: `parents=True` would open them to all."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
