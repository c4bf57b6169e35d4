"""The start of a run: the hosts named on the command line are logged in to while the rest is still being imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from remediations import masking, selection
from remediations.connections.base import Connection
from remediations.connections.early import EarlyConnection
from remediations.host import Host
from remediations.request import Request

# Logins wait for single packets and imports for nothing: without this each packet would wait 5 ms for its turn.
TURN_SECONDS = 0.0005


def start(request: Request) -> int:
    """Carries the request out and reports it; returns the exit code of the worst host."""
    sys.setswitchinterval(TURN_SECONDS)
    hosts = selection.select(request, request.hosts) if request.hosts else ()
    reached = _reach(request, hosts)
    try:
        from remediations.run import run  # 0.1 s of imports, which nobody notices beside a login

        return run(request, hosts, reached)
    finally:
        for connection in reached.values():
            connection.close()


def _reach(request: Request, hosts: Sequence[Host]) -> Mapping[str, Connection]:
    """The first hosts of the run, as many as it takes at a time."""
    if request.verb == "remediate" and not request.may_run:
        return {}
    return {host.name: EarlyConnection(selection.target(request, host), _warn) for host in hosts[: request.forks]}


def _warn(text: str) -> None:
    print(masking.text(text), file=sys.stderr, flush=True)
