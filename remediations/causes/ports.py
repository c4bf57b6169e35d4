"""Ports: a daemon cannot start since somebody else listens where it is to listen."""

from __future__ import annotations

from collections.abc import Iterator

from remediations.causes import units
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Evidence, Finding
from remediations.host import orphans, taken
from remediations.host.journal import lines_about, those, told
from remediations.host.taken import Holder
from remediations.snapshot import Snapshot

END = "end-orphan"


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """port-conflict, once a unit: it said that its address is taken, and taken it still is."""
    if isinstance(snapshot.units, Unknown) or isinstance(snapshot.sockets, Unknown):
        return
    for unit in units.concerned(snapshot):
        held = () if unit.running and not unit.flapping else taken.conflicts(snapshot, unit)
        if held:
            yield _finding(snapshot, unit, held)


def _finding(snapshot: Snapshot, unit: Unit, held: tuple[Holder, ...]) -> Finding:
    lines = those(lines_about(snapshot, unit), taken.SAID)
    state = f"{unit.active_state}/{unit.sub_state}, Result={unit.result}, {unit.unit_file_state}"
    where = ", ".join(one.socket.address for one in held)
    orphan = orphans.orphan(snapshot, unit, held)
    return Finding(
        "port-conflict", unit.name, "certain",
        f"{unit.name} cannot listen at {where}: {_who(held[0])} listens there",
        (
            Evidence(f"unit:{unit.name}", state),
            *told(snapshot, unit, lines, 1),
            *(Evidence("socket", one.text) for one in held),
        ),
        END if not isinstance(orphan, str) else None,
        _advice(snapshot, unit, held[0], orphan),
    )  # fmt: skip


def _who(holder: Holder) -> str:
    if holder.process is None:
        return "somebody else"
    return holder.unit or f"pid {holder.process.pid} ({holder.process.name}), of no service,"


def _advice(snapshot: Snapshot, unit: Unit, holder: Holder, orphan: orphans.Orphan | str) -> str:
    if isinstance(orphan, orphans.Orphan):
        return (
            f"It is {unit.name}'s own program, left over outside its unit. Ask whoever may have started it by hand; "
            f"then: invoke remediate --host {snapshot.host} --allow {END}, which ends just that and starts the unit."
        )
    if holder.unit:
        return (
            f"Ask which of the two is meant there. If {unit.name}: systemctl disable --now {holder.unit}, then "
            f"systemctl start {unit.name}. If both: another port for one of them. Never kill who holds a port."
        )
    pid = holder.process.pid if holder.process else "PID"
    return (
        f"Find out who started it, and end it by its own means: ps -o pid,ppid,user,lstart,cmd -p {pid}. Then "
        f"systemctl start {unit.name}. Never kill -9 who holds a port. It is not ended for you: {orphan}."
    )
