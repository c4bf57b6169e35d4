"""Brings back a service that is down, failed, flapping or behind its files: by start, restart or reload, as serves.

Reach for it when a finding names a unit that does not run, or a daemon that still serves an older configuration than
its files hold.

It never starts a service whose configuration does not validate, never unmasks a unit, starts a disabled unit only where
`services` names it, and never restarts where a reload will do. A unit that runs as it should is left alone, unless
`state` says `restarted` or `reloaded`: then it always acts, the one thing here that is not idempotent, and demands that
`services` name what is meant: nothing restarts everything. A unit that was started or restarted too often lately, by
whomever on that host, is left to a person; reloads are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from remediations.changes.unit import Act, UnitAction, masked
from remediations.errors import RefusedError
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import flap_guard, topology
from remediations.host.flap_guard import FlapGuard
from remediations.library._daemons import invalid, invalid_daemon, master, read_again
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "restart-service"

IN_VAIN = ("config-invalid", "port-conflict", "unit-broken")
"""What a start alone does not cure."""

MOST = 100
"""The host remembers 500 starts and restarts of all its units."""


@dataclass(frozen=True)
class RestartService:
    """`services` empty: nginx, every PHP-FPM that nginx passes to and the units behind its upstreams."""

    name: ClassVar[str] = ID

    services: tuple[str, ...] = field(
        default=(), metadata={"help": "unit names, or nginx and php-fpm for what the host really has"}
    )
    state: Literal["running", "restarted", "reloaded"] = field(
        default="running", metadata={"help": "running acts only where something is wrong; the others always act"}
    )
    most_in_15_minutes: int = field(
        default=flap_guard.DEFAULT.most_in_15_minutes,
        metadata={"min": 1, "max": MOST, "help": "how often a unit may be started or restarted there, by whomever"},
    )
    most_in_an_hour: int = field(
        default=flap_guard.DEFAULT.most_in_an_hour,
        metadata={"min": 1, "max": MOST, "help": "the same for an hour; the next one is refused, a person must look"},
    )

    def __post_init__(self) -> None:
        if self.always_acts and not self.services:
            raise ValueError(f"state={self.state} needs services: name what is to be {self.state}, such as [php-fpm]")
        if self.most_in_15_minutes > self.most_in_an_hour:
            raise ValueError(
                f"most_in_15_minutes={self.most_in_15_minutes} is more than "
                f"most_in_an_hour={self.most_in_an_hour} allows: raise both"
            )

    @property
    def always_acts(self) -> bool:
        return self.state != "running"

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        if isinstance(snapshot.units, Unknown):
            return self._without_systemd(snapshot, findings, snapshot.units.reason)
        actions: list[UnitAction] = []
        refusals = [f"there is no unit {name} on this host" for name in self._unknown(snapshot)]
        for unit in self._units(snapshot, findings):
            act = self._act(unit, findings)
            against = self._refusal(snapshot, unit) or self._in_vain(unit, findings) if act else None
            refusal = act and (against or self._too_often(snapshot, unit, act[0]))
            if refusal:
                refusals.append(refusal)
            elif act:
                actions.append(UnitAction(ID, unit.name, *act, master(snapshot, unit), self._guard.limits))
        warnings = tuple(_uncounted(snapshot, actions))
        actions += _forget_failures(snapshot, findings, {action.unit for action in actions})
        return Proposal((), tuple(actions), self._notes(), warnings, tuple(refusals))

    def _notes(self) -> tuple[str, ...]:
        return (f"state={self.state} acts on every run",) if self.always_acts else ()

    def _units(self, snapshot: Snapshot, findings: Sequence[Finding]) -> tuple[Unit, ...]:
        if self.services:
            named = (unit for name in self.services for unit in resolve(snapshot, name))
        else:
            subjects = (snapshot.unit(finding.subject) for finding in findings if finding.remediation == ID)
            named = (unit for unit in (*topology.web_units(snapshot), *subjects) if unit)
        return tuple({unit.name: unit for unit in named}.values())

    def _unknown(self, snapshot: Snapshot) -> tuple[str, ...]:
        return tuple(name for name in self.services if not resolve(snapshot, name))

    def _act(self, unit: Unit, findings: Sequence[Finding]) -> tuple[Act, str] | None:
        """What this unit needs, and why; None where it runs as it should."""
        own = [finding for finding in findings if finding.subject == unit.name]
        causes = {finding.cause for finding in own}
        if unit.active_state in ("inactive", "failed"):
            return "start", f"it is {unit.active_state}"
        if self.state == "restarted":
            return "restart", "asked for by state=restarted"
        if unit.flapping:
            return "restart", "it dies and is restarted over and over"
        if "socket-deleted" in causes:
            return "restart", "its socket file is gone; a reload does not recreate it"
        if self.state == "reloaded":
            return read_again(unit), "asked for by state=reloaded"
        if any(one.cause == "pending-restart" and one.evidence[0].source.startswith("file:") for one in own):
            return read_again(unit), "its files are newer than what it serves"
        return None

    def _refusal(self, snapshot: Snapshot, unit: Unit) -> str | None:
        """Why a unit that needs something does not get it."""
        if refusal := masked(unit):
            return refusal
        down = unit.active_state in ("inactive", "failed")
        named = any(unit in resolve(snapshot, name) for name in self.services)
        if down and unit.unit_file_state == "disabled" and not named:
            return (
                f"{unit.name} is disabled: it is started only if you name it "
                f"(--set {ID}.services={unit.name}); it will not be enabled"
            )
        if not named and (service := topology.dies_behind(snapshot, unit)):
            return (
                f"{unit.name} has given up since {service.name} dies: journalctl -u {service.name} -e; mend that first"
            )
        return invalid(snapshot, unit)

    def _in_vain(self, unit: Unit, findings: Sequence[Finding]) -> str | None:
        """Why a start would fail again; whoever has mended it since may name the unit."""
        if unit.running or self.services:
            return None
        why = next(
            (one for one in findings if one.subject == unit.name and one.cause in IN_VAIN and not one.aside), None
        )
        return f"{unit.name} is not started, it would fail again: {why.summary}; mend that first" if why else None

    @property
    def _guard(self) -> FlapGuard:
        return FlapGuard(self.most_in_15_minutes, self.most_in_an_hour)

    def _too_often(self, snapshot: Snapshot, unit: Unit, act: Act) -> str | None:
        """Why this unit is left to a person. What was asked for by `state` cannot be left out: then nothing is done."""
        refusal = self._guard.refusal(snapshot, unit.name) if act in flap_guard.COUNTED else None
        if refusal and self.always_acts:
            raise RefusedError(f"{snapshot.host}: {refusal}; nothing was changed")
        return refusal

    def _without_systemd(self, snapshot: Snapshot, findings: Sequence[Finding], reason: str) -> Proposal:
        """No units: all that can be done is to let a running nginx read its files again."""
        nginx = snapshot.live_nginx
        behind = any(finding.cause == "pending-restart" and finding.subject == "nginx" for finding in findings)
        if nginx is None or nginx.master is None or not (behind or self.always_acts):
            refusals = [f"units are unknown ({reason}); start services by hand"] if findings else []
            return Proposal(refusals=tuple(refusals))
        if self.state == "restarted":
            return Proposal(refusals=(f"nothing can be restarted: units are unknown ({reason})",))
        if refusal := invalid_daemon(snapshot, "nginx", nginx.main):
            return Proposal(refusals=(refusal,))
        action = UnitAction(ID, "", "reload", "its files are newer than what it serves", pid=nginx.master)
        return Proposal(actions=(action,), notes=self._notes())


def resolve(snapshot: Snapshot, name: str) -> tuple[Unit, ...]:
    """What a name means here: `nginx`, `php-fpm` (each version that nginx passes to), or a unit's own name."""
    if name == "nginx":
        unit = topology.nginx_unit(snapshot)
        return (unit,) if unit else ()
    if name == "php-fpm":
        return tuple(_fpm_units(snapshot))
    found = snapshot.unit(name) or snapshot.unit(f"{name}.service")
    return (found,) if found else ()


def _fpm_units(snapshot: Snapshot) -> Iterator[Unit]:
    versions = () if isinstance(snapshot.php, Unknown) else snapshot.php.versions
    names = {fpm.unit for fpm in versions}
    used = [unit for unit in topology.web_units(snapshot) if unit.name in names]
    every = [unit for unit in map(snapshot.unit, sorted(names)) if unit]
    yield from used or every


def _forget_failures(snapshot: Snapshot, findings: Sequence[Finding], revived: set[str]) -> Iterator[UnitAction]:
    """nginx answers 502 for a repaired group until fail_timeout has passed, unless it is reloaded."""
    nginx = topology.nginx_unit(snapshot)
    dead = [name for name, units in topology.dead_groups(snapshot) if revived & set(units)]
    written_off = (finding.subject for finding in findings if finding.cause == "no-live-upstreams")
    held = (name for name in written_off if revived & set(_units_of(snapshot, name)))
    groups = list(dict.fromkeys((*dead, *held)))
    if nginx and nginx.running and groups and not invalid(snapshot, nginx):
        reason = f"it would go on holding all servers of upstream {', '.join(groups)} for failed"
        yield UnitAction(ID, nginx.name, "reload", reason, pid=master(snapshot, nginx))


def _units_of(snapshot: Snapshot, group: str) -> Iterator[str]:
    for address in topology.servers_of(snapshot, group):
        if unit := topology.behind(snapshot, address).unit:
            yield unit


def _uncounted(snapshot: Snapshot, actions: Sequence[UnitAction]) -> Iterator[str]:
    """Where nobody can tell how often a unit was restarted, the guard does not hold; that is said, not hidden."""
    counted = [action.unit for action in actions if action.action in flap_guard.COUNTED]
    if counted and isinstance(snapshot.restarts, Unknown):
        yield f"how often {', '.join(counted)} was restarted lately is unknown: {snapshot.restarts.reason}"
