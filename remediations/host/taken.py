"""Ports that are taken: what a daemon says that could not bind, and who holds the address instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.facts.owners import Owner
from remediations.facts.processes import Process
from remediations.facts.sockets import ListeningSocket
from remediations.facts.units import Unit
from remediations.host import listening, topology
from remediations.host.journal import lines_about, those
from remediations.snapshot import Snapshot

SAID = re.compile(
    r"EADDRINUSE|[Aa]ddress already in use|Another FPM instance seems to already listen"
    r"|Connection in use: "
)
"""Node, everything that prints errno 98, PHP-FPM, Gunicorn."""

_EVERY = frozenset({"*", "0.0.0.0", "::"})  # noqa: S104 - what ss prints
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")
_PORT = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:]*\]|[\w.*-]*|::):|port |['\"], )(?P<port>\d{1,5})(?!\d|[:.]\d)")
_PATH = re.compile(r"(?:^|[\s'\"(:])(?P<path>/[^\s'\",)]+)")


@dataclass(frozen=True)
class Holder:
    """Who listens where somebody else should: the process that holds the socket, of several their parent.

    `place` is what was wanted, as far as it was said.
    """

    socket: ListeningSocket
    process: Process | None
    owner: Owner | None
    place: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether it listens at all addresses of the host where one was wanted, or the other way round."""
        wanted, theirs = self.place.rpartition(":")[0].strip("[]"), _host(self.socket)
        return bool(wanted) and not self.socket.unix and (wanted in _EVERY) != (theirs in _EVERY)

    @property
    def unit(self) -> str | None:
        """The service whose own it is; None for one that a person has started, or cron, or nobody knows who."""
        name = self.process.unit if self.process else None
        return name if name and name.endswith(".service") and not topology.runs_others(name) else None

    @property
    def text(self) -> str:
        """For people: never its arguments, which may hold secrets."""
        if self.process is None:
            return f"somebody listens at {self.socket.address}; who, only root may see"
        user = self.owner.user if self.owner else f"uid {self.process.uid}"
        place = self.process.unit or "no unit"
        return f"pid {self.process.pid} ({self.process.name}) of {user}, {place}, listens at {self.socket.address}"


def places(line: str) -> Iterator[str]:
    """What a message may mean by the address: `:PORT`, `HOST:PORT` or a path, in its words."""
    line = _CLOCK.sub(" ", line)
    for match in _PORT.finditer(line):
        yield f"{match['host'] or ''}:{match['port']}"
    for match in _PATH.finditer(line):
        yield match["path"]


def holders(snapshot: Snapshot, place: str, but: Sequence[str]) -> tuple[Holder, ...]:
    """Who holds it now, without the processes of the units `but`."""
    sockets = () if isinstance(snapshot.sockets, Unknown) else snapshot.sockets
    every = (_holder(snapshot, socket, place) for socket in sockets if _clashes(socket, place))
    return tuple(one for one in every if not (one.process and one.process.unit in but))


def conflicts(snapshot: Snapshot, unit: Unit) -> tuple[Holder, ...]:
    """Who holds what this unit wanted, at its last attempts; none where it said nothing of it or all is free now."""
    lines = those(lines_about(snapshot, unit), SAID)
    said = dict.fromkeys(place for line in lines for place in places(line.message))
    own = _expected(snapshot, unit) if lines else ()
    found = [one for place in (said or own) for one in holders(snapshot, place, (unit.name,))]
    found = found or [one for place in own for one in holders(snapshot, place, (unit.name,))]
    return tuple({one.socket.address: one for one in found}.values())


def _expected(snapshot: Snapshot, unit: Unit) -> tuple[str, ...]:
    """Where nginx passes to this unit: a program need not say which address was taken."""
    addresses = (one for one in topology.backend_addresses(snapshot) if unit in topology.meant(snapshot, one))
    return tuple(one.path or f"{one.host}:{one.port}" for one in addresses)


def _holder(snapshot: Snapshot, socket: ListeningSocket, place: str) -> Holder:
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    owners = {} if isinstance(snapshot.owners, Unknown) else snapshot.owners
    found = [processes[pid] for pid in socket.pids if pid in processes]
    first = [one for one in found if one.parent not in socket.pids]
    process = next(iter(first or found), None)
    return Holder(socket, process, owners.get(process.pid) if process else None, place)


def _clashes(socket: ListeningSocket, place: str) -> bool:
    """Whether who wants this place cannot have it while that socket is there."""
    if place.startswith("/"):
        return socket.unix and listening.plain_path(socket.address) == listening.plain_path(place)
    host, _, port = place.rpartition(":")
    if socket.unix or str(socket.port) != port:
        return False
    host, theirs = host.strip("[]"), _host(socket)
    return host in ("", "localhost", theirs) or bool({host, theirs} & _EVERY)


def _host(socket: ListeningSocket) -> str:
    return socket.address.rpartition(":")[0].partition("%")[0].strip("[]")
