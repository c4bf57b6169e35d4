"""Units: systemd cannot start them, or may not, or there is none; or it stopped one whole for a process that died."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from remediations import health
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Confidence, Evidence, Finding
from remediations.host import listening, topology
from remediations.host.journal import lines_about, those, told
from remediations.snapshot import Snapshot

OOM = "oom-stopped-unit"
KILLED = "has been killed by the OOM killer"
AT_FAULT = re.compile(r"\S+\.service: (?:Failed (?!with result )|.*code=exited, status=2[0-4]\d/[A-Z_]+)")
"""What systemd says, from its line's start, where it and not the program fails: 2xx are its own exit codes."""
ENDED = re.compile(r"\S+\.service: .*code=\w+, status=(\d+)/")

STEPS = {
    "200": ("CHDIR", "its working folder is not there, or its user may not enter it"),
    "203": ("EXEC", "its program is not there, or may not be run"),
    "209": ("STDOUT", "its output has nowhere to go"),
    "210": ("CHROOT", "its root folder cannot be entered"),
    "216": ("GROUP", "its group does not exist"),
    "217": ("USER", "its user does not exist"),
    "218": ("CAPABILITIES", "it asks for capabilities that it may not have"),
    "226": ("NAMESPACE", "a folder that its sandbox names is not there"),
    "233": ("RUNTIME_DIRECTORY", "its folder below /run cannot be made"),
    "238": ("STATE_DIRECTORY", "its folder below /var/lib cannot be made"),
    "239": ("CACHE_DIRECTORY", "its folder below /var/cache cannot be made"),
    "240": ("LOGS_DIRECTORY", "its folder below /var/log cannot be made"),
}
"""systemd.exec(5), "Process Exit Codes"."""
NOT_LOADED = ("bad-setting", "error")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding a unit that does not run, where a start alone would not bring it back or not for long."""
    if isinstance(snapshot.units, Unknown):
        return
    for unit in concerned(snapshot):
        if not unit.running and (finding := _masked(unit) or _broken(snapshot, unit) or _oom(snapshot, unit)):
            yield finding
    yield from _not_found(snapshot)


def concerned(snapshot: Snapshot) -> tuple[Unit, ...]:
    """The web units, and those whose place another one has taken.

    Where another service does their work and the site is good, they are what was before it: that is no fault.
    """
    bad = health.judge(snapshot.answers).ok is False
    web = topology.web_units(snapshot)
    told = [name for name, where in topology.displaced(snapshot).items() if bad or _unserved(snapshot, where)]
    return tuple({unit.name: unit for unit in (*web, *map(snapshot.unit, told)) if unit}.values())


def _unserved(snapshot: Snapshot, addresses: Iterable[Address]) -> bool:
    """Whether at one of them nobody listens, or somebody who belongs to no service."""
    return any(not topology.behind(snapshot, one).units or not listening.listener(snapshot, one) for one in addresses)


def _masked(unit: Unit) -> Finding | None:
    if not unit.masked:
        return None
    advice = f"Somebody wants it down: ask. If it may run again: systemctl unmask {unit.name}, then start it."
    return Finding(
        "unit-masked", unit.name, "certain", f"{unit.name} is masked, so nothing starts it",
        (_state(unit),), None, f"{advice} It is never unmasked for you.",
    )  # fmt: skip


def _broken(snapshot: Snapshot, unit: Unit) -> Finding | None:
    """Not where its files were changed after that and systemd has not read them: then nobody has tried yet."""
    if unit.active_state not in ("failed", "activating") and unit.load_state not in NOT_LOADED:
        return None
    what = _fault(snapshot, unit)
    if what is None or (unit.needs_daemon_reload and unit.loaded):
        return None
    lines = those(lines_about(snapshot, unit), AT_FAULT)
    return Finding(
        "unit-broken", unit.name, "certain" if lines or not unit.loaded else "likely",
        f"systemd cannot start {unit.name}: {what}", (_state(unit), *told(snapshot, unit, lines)), None,
        f"Mend what the unit names (systemctl cat {unit.name}), or make what it names; no vendor file, a drop-in: "
        f"systemctl edit {unit.name}. Then systemctl daemon-reload && systemctl start {unit.name}. Starting it again "
        "as it is fails again.",
    )  # fmt: skip


def _fault(snapshot: Snapshot, unit: Unit) -> str | None:
    if unit.load_state in NOT_LOADED:
        return f"it does not accept its unit file (LoadState={unit.load_state})"
    if unit.result == "resources":
        return "something that it needs before the program begins is missing (Result=resources)"
    said = [match[1] for line in lines_about(snapshot, unit) if (match := ENDED.match(line.message))]
    code = said[-1] if said else unit.exec_status if unit.exec_code == "1" else ""  # ExecStartPre has no exec_status
    if code not in STEPS or unit.result not in ("exit-code", "start-limit-hit"):
        return None
    name, why = STEPS[code]
    return f"{why} ({code}/{name})"


def _oom(snapshot: Snapshot, unit: Unit) -> Finding | None:
    """One process ran out of memory, and systemd stopped all the others with it."""
    if unit.active_state not in ("failed", "inactive", "activating"):
        return None
    lines = those(lines_about(snapshot, unit), re.compile(re.escape(KILLED)))
    if unit.result != "oom-kill" and not lines:
        return None
    confidence: Confidence = "certain" if unit.result == "oom-kill" else "likely"
    return Finding(
        "oom-stopped-unit", unit.name, confidence,
        f"{unit.name} was stopped as a whole after one of its processes ran out of memory",
        (_state(unit), *told(snapshot, unit, lines)), "oom-policy",
        f"Find out what takes the memory: fewer PHP workers, a leak, more RAM; journalctl -k | grep -i oom. Never "
        f"raise pm.max_children. To have it back now: systemctl start {unit.name}.",
    )  # fmt: skip


def _not_found(snapshot: Snapshot) -> Iterator[Finding]:
    gone = missing(snapshot)
    for name in dict.fromkeys(gone.values()):
        where = ", ".join(str(address) for address, unit in gone.items() if unit == name)
        yield _gone(name, f"nobody listens at {where}, where it is to answer")
    nginx = snapshot.live_nginx
    if nginx and nginx.master is None and topology.nginx_unit(snapshot) is None:
        yield _gone("nginx.service", f"{nginx.main} is there, and nginx does not run")


def missing(snapshot: Snapshot) -> dict[Address, str]:
    """The units that are not there, by the address where nobody listens.

    They are PHP-FPM's, whose files are there, or enabled ones: the links that want them lead nowhere.
    """
    if isinstance(snapshot.sockets, Unknown) or isinstance(snapshot.units, Unknown):
        return {}
    silent = (one for one in topology.backend_addresses(snapshot) if not listening.listener(snapshot, one))
    named = ((address, _missing_at(snapshot, address)) for address in silent)
    return {address: name for address, name in named if name}


def _missing_at(snapshot: Snapshot, address: Address) -> str | None:
    pool = topology.fpm_of(snapshot, address)
    if pool:
        name = pool.fpm.unit
        return name if name and pool.fpm.master is None and snapshot.unit(name) is None else None
    if topology.meant(snapshot, address):
        return None
    gone = [name for name in snapshot.dangling_units if snapshot.unit(name) is None]
    own = [name for name in gone if name.partition("@")[2] == f"{address.port}.service"]
    return next(iter(own or (gone if len(gone) == 1 else ())), None)


def _gone(unit: str, why: str) -> Finding:
    return Finding(
        "unit-not-found", unit, "certain", f"there is no unit {unit}: it cannot be started",
        (Evidence(f"unit:{unit}", "LoadState=not-found"), Evidence(f"unit:{unit}", why)), None,
        f"Find out which package or deployment brings {unit} and install that again (dpkg -S, rpm -qf or its own "
        "installer), then systemctl daemon-reload, enable and start it. No unit written by hand in its place.",
    )  # fmt: skip


def _state(unit: Unit) -> Evidence:
    code = f", exit status {unit.exec_status}" if unit.exec_status not in ("", "0") else ""
    state = (
        f"{unit.load_state}, {unit.active_state}/{unit.sub_state}, Result={unit.result}{code}, {unit.unit_file_state}"
    )
    return Evidence(f"unit:{unit.name}", state)
