"""A cgroup of its own for each host: the handle by which all its processes, and only its, are ended."""

import time
from pathlib import Path

from tests.lab.errors import LabError

ROOT = Path("/sys/fs/cgroup")


def folders(name: str) -> list[Path]:
    """The host's folder in cgroup v2 first, then in the hierarchy that systemd uses beside it on older set-ups."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT / name]
    return [ROOT / hierarchy / name for hierarchy in ("unified", "systemd") if (ROOT / hierarchy).is_dir()]


def create(name: str) -> None:
    for folder in folders(name):
        folder.mkdir(exist_ok=True)


def limit_memory(name: str, limit: int) -> Path:
    """A cgroup for those of the host's processes that may have so many bytes together; goes with the host.

    LabError where this machine has no hierarchy for memory alone (cgroup v1): the one of v2 is systemd's.
    """
    folder = ROOT / "memory" / name
    if not folder.parent.is_dir():
        raise LabError(f"{name}: this machine has no {folder.parent}")
    folder.mkdir(exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(str(limit))
    return folder


def kill(name: str, timeout: float = 10) -> None:
    """Kills every process in the cgroup and waits until none is left."""
    unified = folders(name)[0]
    if not unified.is_dir():
        return
    (unified / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + timeout
    while populated(name):
        if time.monotonic() > deadline:
            raise LabError(f"{name}: processes survive cgroup.kill for {timeout} s")
        time.sleep(0.005)


def remove(name: str) -> None:
    """Removes the emptied folders, deepest first."""
    for folder in (*folders(name), ROOT / "memory" / name):
        nested = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
        for path in [*nested, *([folder] if folder.is_dir() else [])]:
            path.rmdir()


def populated(name: str) -> bool:
    events = folders(name)[0] / "cgroup.events"
    return events.exists() and "populated 1" in events.read_text()


def holds(name: str, pid: int) -> bool:
    """Whether the process lives and belongs to the host; a killed one may stay in /proc until it is reaped."""
    if not populated(name):
        return False
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(f"{line.partition('::')[2]}/".startswith(f"/{name}/") for line in lines if line.startswith("0::"))
