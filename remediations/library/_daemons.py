"""Daemons as a remediation acts on them: whether they may be, and by which act they read their files anew."""

from __future__ import annotations

from remediations.changes.unit import Act
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.host import topology
from remediations.snapshot import Snapshot


def read_again(unit: Unit) -> Act:
    """What has a running unit read its files anew: a restart only where a reload cannot do."""
    return "reload" if unit.can_reload else "restart"


def master(snapshot: Snapshot, unit: Unit) -> int | None:
    """The pid of nginx, where this is its unit."""
    nginx = snapshot.live_nginx
    return nginx.master if nginx and nginx.master and nginx.master == unit.main_pid else None


def invalid(snapshot: Snapshot, unit: Unit) -> str | None:
    """Why this unit may not be started or restarted now: its configuration test fails.

    What its test only prints keeps no daemon down: one that is down loses nothing by a start without it.
    """
    nginx = topology.nginx_unit(snapshot)
    if snapshot.live_nginx and nginx and nginx.name == unit.name:
        return invalid_daemon(snapshot, unit.name, snapshot.live_nginx.main)
    versions = () if isinstance(snapshot.php, Unknown) else snapshot.php.versions
    mains = (fpm.main for fpm in versions if fpm.unit == unit.name)
    down = not unit.running
    refusals = (invalid_daemon(snapshot, unit.name, main, only_fatal=down) for main in mains)
    return next((refusal for refusal in refusals if refusal), None)


def invalid_daemon(snapshot: Snapshot, name: str, main: str, *, only_fatal: bool = False) -> str | None:
    """The same for the daemon with this main file."""
    verdicts = () if isinstance(snapshot.verdicts, Unknown) else snapshot.verdicts
    bad = next((verdict for verdict in verdicts if verdict.subject == main and not verdict.ok), None)
    if bad is None or (only_fatal and not bad.fatal):
        return None
    return f"{name} is left as it is, its configuration does not validate: {bad.output.splitlines()[0]}"
