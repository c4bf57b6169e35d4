"""Orphans: a unit's own program that runs outside the unit and holds its port, told from a stranger by what it is."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.facts.owners import Owner
from remediations.facts.units import Unit
from remediations.host.taken import Holder
from remediations.snapshot import Snapshot

_PROGRAM = re.compile(r"\{ path=(?P<path>/\S+) ;")


@dataclass(frozen=True)
class Orphan:
    """The process, with what it is known by: a pid alone may be another's a moment later."""

    owner: Owner
    uid: int
    address: str


def orphan(snapshot: Snapshot, unit: Unit, held: Sequence[Holder]) -> Orphan | str:
    """The one process that holds all that the unit wanted, if it is the unit's own program; else why it is not."""
    pids = {one.process.pid if one.process else 0 for one in held}
    if len(pids) != 1 or held[0].process is None:
        return "who holds the port is more than one process, or not to be seen"
    process, owner = held[0].process, held[0].owner
    if held[0].unit or owner is None or not owner.ticks:
        return f"pid {process.pid} belongs to {held[0].unit or 'nobody knows whom'}"
    return _difference(snapshot, unit, owner) or _elsewhere(snapshot, held, process.pid) or Orphan(
        owner, process.uid, held[0].socket.address
    )  # fmt: skip


def programs(unit: Unit) -> tuple[str, ...]:
    """The paths of what the unit starts, as it names them."""
    return tuple(dict.fromkeys(match["path"] for match in _PROGRAM.finditer(unit.command_line)))


def _difference(snapshot: Snapshot, unit: Unit, owner: Owner) -> str | None:
    """By what the process is not the unit's: its user, its program or its folder."""
    user, folder = unit.user or "root", _folder(unit)
    if owner.user != user:
        return f"pid {owner.pid} is of {owner.user}, {unit.name} of {user}"
    real = [_real(snapshot, path) for path in programs(unit)]
    if not owner.program or real != [owner.program]:
        return f"pid {owner.pid} is another program than {unit.name}'s"
    if owner.folder != folder:
        return f"pid {owner.pid} works in another folder than {unit.name}, which works in {folder}"
    if owner.apart:
        return f"pid {owner.pid} runs in a container or in namespaces of its own, so its files are other ones"
    return None


def _folder(unit: Unit) -> str:
    """A service without WorkingDirectory begins in /; one that begins in its user's home cannot be compared."""
    return posixpath.normpath(unit.folder.lstrip("!-")) if unit.folder else "/"


def _real(snapshot: Snapshot, path: str) -> str:
    status = None if isinstance(snapshot.paths, Unknown) else snapshot.paths.get(path)
    return (status.real if status else "") or path


def _elsewhere(snapshot: Snapshot, held: Sequence[Holder], pid: int) -> str | None:
    """It may serve others, too: who listens at more than that is left alone."""
    sockets = () if isinstance(snapshot.sockets, Unknown) else snapshot.sockets
    ours = {one.socket.address for one in held}
    if other := next((one for one in held if one.elsewhere), None):
        return f"pid {pid} listens at {other.socket.address}, and not at just {other.place}"
    more = [one.address for one in sockets if pid in one.pids and one.address not in ours]
    return f"pid {pid} listens at {more[0]}, too" if more else None
