"""Where the lab keeps things: base trees and overlays in a cache folder, records of live hosts under /run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUNTIME = Path("/run/remediate-lab")
"""Shared by every checkout and every cache folder of this machine: subnets and names must not collide between them."""


CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "remediate-lab"
"""Outside any checkout; read once, since a test that gives itself another $HOME must not build another base tree."""


def cache_folder() -> Path:
    """Base trees and the overlays of live hosts; created."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE


def registry_folder() -> Path:
    """One file for each live host; created."""
    folder = RUNTIME / "hosts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock between processes; the kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
