"""The start of a run: the hosts of the command line are logged in to and asked while the rest is imported."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence

from remediations import selection
from remediations.early import EarlyConnection
from remediations.inventory.host import Host
from remediations.request import Request

# Logins wait for single packets and imports for nothing: without this each packet would wait 5 ms for its turn.
TURN_SECONDS = 0.0005
# Nearly all that a run allocates it keeps: to look for garbage at every 700 objects costs a twentieth of its start.
GARBAGE = 20_000


def start(request: Request) -> int:
    """Carries the request out and reports it; returns the exit code of the worst host."""
    sys.setswitchinterval(TURN_SECONDS)
    # Invoke forbids to keep compiled modules, so that a checkout would be compiled anew at every start.
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    gc.set_threshold(GARBAGE)
    hosts = selection.select(request, request.hosts) if request.hosts else ()
    reached = _reach(request, hosts)
    try:
        import remediations.first_facts  # noqa: F401 - first, since it is what the logins need next
        from remediations import diagnosis
        from remediations.run import run  # 0.1 s of imports, which nobody notices while hosts think

        diagnosis.families()  # found by name: no import brings them along
        return run(request, hosts, reached)
    finally:
        for connection in reached.values():
            connection.close()
        gc.freeze()  # the process ends: to look through all it holds for garbage would take another 40 ms


def _reach(request: Request, hosts: Sequence[Host]) -> Mapping[str, EarlyConnection]:
    """The first hosts of the run, as many as it takes at a time."""
    if not request.may_run:
        return {}
    return {host.name: EarlyConnection(selection.target(request, host), _warn) for host in hosts[: request.forks]}


def _warn(text: str) -> None:
    from remediations import masking  # its patterns are not needed before the first login

    print(masking.text(text), file=sys.stderr, flush=True)
