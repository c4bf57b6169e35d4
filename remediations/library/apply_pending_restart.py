"""Has a daemon take what its files hold by now: a reload where that serves, a restart only where a reload cannot do.

Reach for it where somebody has changed a configuration and it is not in force: files that are newer than what nginx or
PHP-FPM serves, a zone of nginx that no reload changes, unit files that systemd has not read (`daemon-reload`). It acts
on these findings alone.

It never reloads or restarts a configuration that does not validate, never starts what is down, and never restarts nginx
where an address is taken: that would be an outage. After a daemon-reload it restarts nothing: what concerns the process
itself (ExecStart, User, limits) waits for its next start. Restarts are counted by the flap guard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from remediations.changes.unit import Act, UnitAction
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import flap_guard
from remediations.library._daemons import invalid, invalid_daemon, master, read_again
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "apply-pending-restart"
NEWER = "its files are newer than what it serves"


@dataclass(frozen=True)
class ApplyPendingRestart:
    """Acts on findings alone: without one nothing is pending."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        mine = [finding for finding in findings if finding.remediation == ID]
        if isinstance(snapshot.units, Unknown):
            return _without_systemd(snapshot, mine)
        unread = [unit for one in mine if (unit := snapshot.unit(one.subject)) and unit.needs_daemon_reload]
        acts = [(unit, act) for one in mine if (unit := snapshot.unit(one.subject)) and (act := _act(unit, one))]
        refused = {unit.name: why for unit, act in acts if (why := _refusal(snapshot, unit, act[0]))}
        actions = [
            UnitAction(ID, unit.name, *act, master(snapshot, unit)) for unit, act in acts if unit.name not in refused
        ]
        return Proposal(
            actions=(*_reread(unread), *actions),
            notes=tuple(_next_start(unread)),
            warnings=tuple(_also_read(snapshot, unread)),
            refusals=tuple(refused.values()),
        )


def _act(unit: Unit, finding: Finding) -> tuple[Act, str] | None:
    """What this unit needs, and why; None for one that is down: it reads its files when it starts."""
    if not unit.running:
        return None
    if finding.cause == "reload-not-applied":
        return "restart", "a reload does not take the changed zone"
    if any(one.source.startswith("file:") for one in finding.evidence):
        return read_again(unit), NEWER
    return None


def _refusal(snapshot: Snapshot, unit: Unit, act: Act) -> str | None:
    often = flap_guard.DEFAULT.refusal(snapshot, unit.name) if act in flap_guard.COUNTED else None
    return invalid(snapshot, unit) or often


def _reread(unread: Sequence[Unit]) -> Iterator[UnitAction]:
    if unread:
        names = ", ".join(unit.name for unit in unread)
        yield UnitAction(ID, "", "daemon-reload", f"systemd has not read the files of {names} since they changed")


def _next_start(unread: Sequence[Unit]) -> Iterator[str]:
    for unit in unread:
        if unit.running:
            yield f"{unit.name}: what concerns the running process itself is in force after its next start"


def _also_read(snapshot: Snapshot, unread: Sequence[Unit]) -> Iterator[str]:
    """daemon-reload reads every unit's files, those of others too."""
    if not unread or isinstance(snapshot.units, Unknown):
        return
    ours = {unit.name for unit in unread}
    others = sorted(one.name for one in snapshot.units.values() if one.needs_daemon_reload and one.name not in ours)
    if others:
        yield f"daemon-reload also takes in changes that others made to {', '.join(others)}"


def _without_systemd(snapshot: Snapshot, mine: Sequence[Finding]) -> Proposal:
    """All that can be done is to let a running nginx read its files again."""
    nginx = snapshot.live_nginx
    if nginx is None or nginx.master is None or not any(one.cause == "pending-restart" for one in mine):
        return Proposal()
    if refusal := invalid_daemon(snapshot, "nginx", nginx.main):
        return Proposal(refusals=(refusal,))
    return Proposal(actions=(UnitAction(ID, "", "reload", NEWER, pid=nginx.master),))
