"""Services: units that do not run, died, gave up, lost their socket, or serve an older configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from remediations.causes import ports, reloads, units
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.facts.units import Unit
from remediations.findings import Confidence, Evidence, Finding
from remediations.host import flap_guard, freshness, topology
from remediations.host.journal import lines_about, those, told
from remediations.nginx import log as nginx_log
from remediations.snapshot import Snapshot

RESTART = "restart-service"
GAVE_UP = re.compile("Start request repeated too quickly|start of the service was attempted too often")
DIED = re.compile("(?:Main|Control) process exited|Failed with result|has been killed by the OOM killer")
RAN = re.compile("Main process exited")
BEFORE = re.compile("Control process exited")
"""A command that comes before the main process, or makes it."""
AGAIN = re.compile("Scheduled restart job")
OFTEN, OFTEN_SECONDS, YOUNG_SECONDS = 3, 5 * 60, 60
"""Who was started again three times within five minutes, the last time a minute ago, dies after he has begun to run."""
WORDS_SECONDS = 5
STOPPED = re.compile("Stopped|Deactivated successfully")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding a unit: its own worst state."""
    if isinstance(snapshot.units, Unknown):
        yield from _behind_files(snapshot)
        return
    explained = {one.subject for one in (*ports.find(snapshot), *units.find(snapshot)) if one.cause != units.OOM}
    for unit in topology.web_units(snapshot):
        finding = None if unit.name in explained else _activated(snapshot, unit) or _state(snapshot, unit)
        if finding:
            yield finding
    yield from _socket_deleted(snapshot)
    yield from _behind_files(snapshot)
    yield from _unread(snapshot)


def _activated(snapshot: Snapshot, unit: Unit) -> Finding | None:
    """A socket unit that gave up since the service that it starts dies: that service is to be mended, not started."""
    dead = topology.dies_behind(snapshot, unit)
    finding = _state(snapshot, dead) if dead else None
    if dead is None or finding is None:
        return None
    state = Evidence(f"unit:{unit.name}", f"{unit.active_state}/{unit.sub_state}, Result={unit.result}")
    advice = (
        f"{unit.name} starts it and has given up with it. Find out why it dies: journalctl -u {dead.name} -e. Then: "
        f"systemctl reset-failed {dead.name} {unit.name} && systemctl start {unit.name}."
    )
    return replace(finding, evidence=(*finding.evidence, state), remediation=None, advice=advice)


def _state(snapshot: Snapshot, unit: Unit) -> Finding | None:
    lines = lines_about(snapshot, unit)
    if unit.active_state == "failed":
        gave_up = those(lines, GAVE_UP)
        if unit.result == "start-limit-hit" or gave_up:
            ends = [*those(lines, DIED), *gave_up] or lines
            return _finding(snapshot, "start-limit-hit", unit, "systemd has given up starting it", ends)
        ran = not those(lines, BEFORE) or those(lines, RAN)
        what = f"it {'died' if ran else 'could not start'} ({unit.result})"
        return _finding(snapshot, "service-crashed", unit, what, those(lines, DIED) or lines)
    if unit.active_state == "inactive":
        stopped = those(lines, STOPPED)
        return _finding(snapshot, "service-stopped", unit, "it was stopped and not started again", stopped)
    if unit.flapping:
        what = f"it dies and is restarted over and over ({unit.restarts} times)"
        return _finding(snapshot, "service-flapping", unit, what, those(lines, DIED) or lines)
    return dies_later(snapshot, unit)


def dies_later(snapshot: Snapshot, unit: Unit) -> Finding | None:
    """It lives for some seconds each time, and that is when we look; systemd starts it again, no restart does more."""
    now, journal = snapshot.machine.now, () if isinstance(snapshot.journal, Unknown) else snapshot.journal
    late = [one for one in journal if one.unit == unit.name and now - OFTEN_SECONDS <= one.time]
    again, died = those(late, AGAIN), those(late, DIED)
    young = now - freshness.at(snapshot.machine, unit.served_since) <= YOUNG_SECONDS
    if not unit.running or not young or len(again) < OFTEN or not died:
        return None
    what = f"it dies some time after each start and is started again ({len(again)} times in five minutes)"
    return replace(_finding(snapshot, "service-flapping", unit, what, died), remediation=None)


def _finding(snapshot: Snapshot, cause: str, unit: Unit, what: str, lines: list[JournalLine]) -> Finding:
    state = f"{unit.active_state}/{unit.sub_state}, Result={unit.result}, {unit.unit_file_state}"
    ends = (*told(snapshot, unit, lines), *_last_words(snapshot, unit, lines))
    evidence = (Evidence(f"unit:{unit.name}", state), *ends, *_refused(snapshot, unit))
    advice = _advice(snapshot, unit, cause)
    return Finding(cause, unit.name, "certain", f"{unit.name}: {what}", evidence, RESTART, advice)


def _last_words(snapshot: Snapshot, unit: Unit, ends: list[JournalLine]) -> tuple[Evidence, ...]:
    """What the program itself has printed last before it died, or what stands before it and failed."""
    said = [] if isinstance(snapshot.journal, Unknown) else [one for one in snapshot.journal if one.unit == unit.name]
    died = max((one.time for one in those(ends, DIED)), default=0)
    near = (one for one in said if one.message.strip() and died - WORDS_SECONDS <= one.time <= died + 1)
    own = [one for one in near if one.source != "systemd" and "] NOTICE: " not in one.message]
    return told(snapshot, unit, own, 1)


def _refused(snapshot: Snapshot, unit: Unit) -> Iterator[Evidence]:
    """nginx's own newest line about what this unit should have answered."""
    since = freshness.at(snapshot.machine, unit.served_since) - 1
    for address in topology.backend_addresses(snapshot):
        if topology.behind(snapshot, address).unit == unit.name:
            record = nginx_log.last_about(snapshot, address, since)
            if record:
                yield Evidence(record.source, record.text)


def _advice(snapshot: Snapshot, unit: Unit, cause: str) -> str | None:
    if unit.unit_file_state == "disabled":
        return (
            f"It is disabled, so it is started only if you name it: --set restart-service.services={unit.name}; "
            "it stays disabled."
        )
    if flap_guard.DEFAULT.stops(snapshot, unit.name):
        return _too_often(snapshot, unit.name)
    if cause == "service-crashed":
        why = f"Find out why it died: journalctl -u {unit.name} -e."
        return f"{why} Do not remove its socket by hand." if _has_file(snapshot, unit) else why
    if cause in ("start-limit-hit", "service-flapping"):
        return f"A start alone may not hold; find out why it dies: journalctl -u {unit.name} -e."
    return None


def _has_file(snapshot: Snapshot, unit: Unit) -> bool:
    """Whether it listens at a socket that is a file."""
    addresses = topology.backend_addresses(snapshot)
    return any(one.path and topology.behind(snapshot, one).unit == unit.name for one in addresses)


def _too_often(snapshot: Snapshot, unit: str) -> str:
    return (
        f"It was {flap_guard.often(snapshot, unit)}: restart-service does that again only where its parameters "
        f"most_in_15_minutes and most_in_an_hour allow it. A person must find out why: journalctl -u {unit} -e."
    )


def _socket_deleted(snapshot: Snapshot) -> Iterator[Finding]:
    """The daemon listens, but nobody can find the socket any more."""
    if isinstance(snapshot.paths, Unknown):
        return
    for address in topology.backend_addresses(snapshot):
        status = snapshot.paths.get(address.path or "")
        found = topology.behind(snapshot, address)
        if status and status.kind is None and found.socket and found.unit:
            unit = snapshot.unit(found.unit)
            state = f"{unit.active_state}/{unit.sub_state}" if unit else "running"
            evidence = (
                Evidence("socket", f"pid {found.socket.pids[0]} listens on {address.path}"),
                Evidence(f"file:{address.path}", "No such file or directory"),
                Evidence(f"unit:{found.unit}", state),
            )
            summary = f"{found.unit} runs, but its socket file {address.path} was deleted"
            worn = flap_guard.DEFAULT.stops(snapshot, found.unit)
            advice = _too_often(snapshot, found.unit) if worn else None
            yield Finding("socket-deleted", found.unit, "certain", summary, evidence, RESTART, advice)


def _behind_files(snapshot: Snapshot) -> Iterator[Finding]:
    """Where a reload was tried and did not take, that is the finding."""
    refused = {one.subject for one in reloads.find(snapshot)}
    for stale in (one for one in freshness.behind_files(snapshot) if one.subject not in refused):
        summary = f"{stale.subject} serves an older configuration than its files hold"
        text = f"changed {stale.seconds:.0f} s after {stale.subject} last read its files"
        yield _pending(stale.subject, "likely", summary, Evidence(f"file:{stale.file}", text))


def _unread(snapshot: Snapshot) -> Iterator[Finding]:
    for unit in topology.web_units(snapshot):
        if unit.needs_daemon_reload and unit.loaded:
            summary = f"systemd works with older files of {unit.name} than there are"
            yield _pending(unit.name, "certain", summary, Evidence(f"unit:{unit.name}", "NeedDaemonReload=yes"))


def _pending(subject: str, confidence: Confidence, summary: str, evidence: Evidence) -> Finding:
    return Finding("pending-restart", subject, confidence, summary, (evidence,), "apply-pending-restart")
