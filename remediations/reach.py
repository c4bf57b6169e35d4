"""Reaching the hosts of a request: they are dialled and asked what every run asks first, while we load the rest."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations import selection
from remediations.early import EarlyConnection
from remediations.inventory.host import Host
from remediations.request import Request

# Logins wait for single packets and imports for nothing: without this each packet would wait 5 ms for its turn.
TURN_SECONDS = 0.0005
# Nearly all that a run allocates it keeps: to look for garbage at every 700 objects costs a twentieth of its start.
GARBAGE = 20_000


@dataclass(frozen=True)
class Reached:
    """The hosts that a request means, and connections to the first of them, as many as it takes at a time."""

    request: Request
    hosts: tuple[Host, ...]
    connections: Mapping[str, EarlyConnection]

    def close(self) -> None:
        """Hangs up; safe to call twice."""
        for connection in self.connections.values():
            connection.close()


def keep_compiled() -> None:
    """Invoke forbids to keep compiled modules, so that a checkout would be compiled anew at every start."""
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)


def reach(request: Request) -> Reached:
    """Returns once the logins are under way. Raises UsageError or InventoryError."""
    sys.setswitchinterval(TURN_SECONDS)
    gc.set_threshold(GARBAGE)
    if request.source:
        return Reached(request, (), {})  # no host is asked, and none is known
    hosts = selection.select(request, request.hosts) if request.hosts else ()
    reached = Reached(request, hosts, _connections(request, hosts))
    if reached.connections:
        import remediations.first_facts  # noqa: F401 - before all else, since it is what the logins need next
    return reached


def _connections(request: Request, hosts: Sequence[Host]) -> Mapping[str, EarlyConnection]:
    if not request.may_run:
        return {}
    return {host.name: EarlyConnection(selection.target(request, host), _warn) for host in hosts[: request.forks]}


def _warn(text: str) -> None:
    from remediations import masking  # its patterns are not needed before the first login

    print(masking.text(text), file=sys.stderr, flush=True)
