"""Backends: nobody listens where nginx passes to, though no unit is known to be down that should."""

from __future__ import annotations

from collections.abc import Iterator

from remediations import topology
from remediations.causes import connecting
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Evidence, Finding
from remediations.snapshot import Snapshot
from remediations.topology import Behind


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """app-down, once an address on this host. Where the one unit behind it is down, that unit's own cause speaks."""
    if isinstance(snapshot.sockets, Unknown) or isinstance(snapshot.units, Unknown):
        return
    for address in topology.backend_addresses(snapshot):
        found = topology.behind(snapshot, address)
        unit = snapshot.unit(found.unit or "")
        elsewhere = next(connecting.mismatch(snapshot, address), None)
        if found.socket is None and (unit is None or unit.running) and elsewhere is None:
            summary = f"nginx passes requests to {address}, and nobody listens there"
            yield Finding(
                "app-down",
                str(address),
                "certain",
                summary,
                _evidence(snapshot, found, unit),
                None,
                _advice(found, unit),
            )


def _evidence(snapshot: Snapshot, found: Behind, unit: Unit | None) -> tuple[Evidence, ...]:
    nobody = Evidence("socket", f"no listener at {found.address}")
    state = (Evidence(f"unit:{unit.name}", f"{unit.active_state}/{unit.sub_state}"),) if unit else ()
    others = topology.same_port(snapshot, found.address) if found.address.port else ()
    return (nobody, *state, *(Evidence("socket", f"somebody else listens at {one.address}") for one in others))


def _advice(found: Behind, unit: Unit | None) -> str:
    if unit:
        return (
            f"{unit.name} runs but does not listen at {found.address}: it is still starting, or listens elsewhere; see "
            f"journalctl -u {unit.name} -e and ss -lntp. Do not raise timeouts."
        )
    if found.units:
        return f"{', '.join(found.units)} could be meant, so nothing was started: start the right one by name."
    return f"No unit of this host names {found.address}: start the app with its own manager, its crash log first."
