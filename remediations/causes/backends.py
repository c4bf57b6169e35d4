"""Backends: nobody listens where nginx passes to, and no one unit can be named that should."""

from __future__ import annotations

from collections.abc import Iterator

from remediations import topology
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.snapshot import Snapshot


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """app-down, once an address on this host. Where exactly one unit stands behind it, that unit's own cause speaks."""
    if isinstance(snapshot.sockets, Unknown) or isinstance(snapshot.units, Unknown):
        return
    for address in topology.backend_addresses(snapshot):
        found = topology.behind(snapshot, address)
        if found.socket is None and found.unit is None:
            candidates = ", ".join(found.units)
            yield Finding(
                "app-down",
                str(address),
                "certain",
                f"nginx passes requests to {address}, and nobody listens there",
                (Evidence("socket", f"no listener at {address}"),),
                None,
                f"Any of these units could be meant, so none was started: {candidates}."
                if candidates
                else f"No unit of this host names {address}: start the app with its own manager, its crash log first.",
            )
