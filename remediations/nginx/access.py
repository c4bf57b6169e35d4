"""What keeps nginx's worker from a unix socket: the socket's owner, group and mode, or those of a folder before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remediations.facts import paths
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.facts.worker import Worker
from remediations.snapshot import Snapshot


@dataclass(frozen=True)
class Barrier:
    """The first thing on the way to a socket that nginx's worker may not use.

    `tried`: it was tried as that user, and not told from the mode. `gone_anew`: a worker that is started now may.
    """

    status: PathStatus
    tried: bool
    gone_anew: bool


def barrier(snapshot: Snapshot, path: str) -> Barrier | None:
    """None where nothing is known to keep it out; an ACL is seen only where it can be tried."""
    worker = snapshot.worker
    if isinstance(worker, Unknown):
        return None
    way = on_the_way(snapshot, path)
    first = next((status for status in way if not _may(worker, status)), None)
    if first is None:
        return None
    gone = bool(worker.anew) and all(worker.anew.get(status.path) for status in way)
    return Barrier(first, first.path in worker.may, gone)


def on_the_way(snapshot: Snapshot, path: str) -> tuple[PathStatus, ...]:
    """The folders that lead to the socket and the socket itself, as far as they are there."""
    return tuple(_on_the_way(snapshot, path))


def _on_the_way(snapshot: Snapshot, path: str) -> Iterator[PathStatus]:
    known = {} if isinstance(snapshot.paths, Unknown) else snapshot.paths
    for step in (*paths.folders(path), path):
        status = known.get(step)
        if status and status.kind:
            yield status


def _may(worker: Worker, status: PathStatus) -> bool:
    return worker.may.get(status.path, _by_mode(worker, status))


def _by_mode(worker: Worker, status: PathStatus) -> bool:
    """As the kernel decides: the owner's bits for the owner, whatever the others' are; a connection needs `w`."""
    mode, need = int(status.mode, 8), 0o1 if status.is_folder else 0o2
    if worker.user in ("root", status.owner):
        return worker.user == "root" or bool(mode >> 6 & need)
    return bool(mode >> 3 & need) if status.group in worker.groups else bool(mode & need)
