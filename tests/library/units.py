"""Units for tests, read from the words of `systemctl show`: what is not given is a healthy service of Debian's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from remediations.facts import units
from remediations.facts.base import Unknown
from remediations.facts.processes import Process
from remediations.facts.sockets import ListeningSocket
from remediations.facts.units import Unit
from remediations.snapshot import Snapshot

_HEALTHY = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "MainPID": "100",
    "NRestarts": "0",
    "Restart": "no",
    "RestartUSec": "100ms",
    "Type": "notify",
    "UnitFileState": "enabled",
    "NeedDaemonReload": "no",
    "StartLimitIntervalUSec": "10s",
    "StartLimitBurst": "5",
    "CanReload": "yes",
}


def unit(name: str, **shown: str) -> Unit:
    """`unit("nginx.service", Restart="always")`."""
    lines = {"Id": name, **_HEALTHY, **shown}
    found = units.parse("".join(f"{key}={value}\n" for key, value in lines.items()).encode())
    assert not isinstance(found, Unknown)
    return found[name]


def with_units(snapshot: Snapshot, *found: Unit) -> Snapshot:
    """The same host where systemd runs and knows these units."""
    return replace(snapshot, units={each.name: each for each in found}, processes={}, sockets=())


def serving(snapshot: Snapshot, held: Mapping[str, tuple[str, int]]) -> Snapshot:
    """The same host where each address (or socket path) is held by a process of this unit and pid."""
    sockets = tuple(ListeningSocket(at, at.startswith("/"), 0, 511, (pid,)) for at, (_, pid) in held.items())
    return replace(snapshot, sockets=sockets, processes=processes(held.values()))


def processes(of: Iterable[tuple[str, int]]) -> dict[int, Process]:
    return {pid: Process(pid, 1, 0, 1000, "app", "", unit or None) for unit, pid in of}
