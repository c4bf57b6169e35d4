"""Databases: the site asks one that does not answer, and its pages are errors of PHP or of the app, mostly 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations import health
from remediations.causes import disks
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.host import databases, flap_guard, freshness, topology
from remediations.host.databases import PORTS, DatabaseServer, Kind
from remediations.nginx import complaints
from remediations.snapshot import Snapshot

RESTART = "restart-service"
MOST_LINES = 3

_CLOSED = "(?:No such file or directory|Connection refused|[Cc]onnection timed out|timeout expired|No route to host)"
_MYSQL = re.compile(
    rf"mysqli_sql_exception: (?:{_CLOSED}|php_network_getaddresses)|mysqli\S{{0,40}}\(\): \(HY000/200[23]\)"
    r"|SQLSTATE\[HY000\] \[200[23]\][^\n]{0,80}|Can't connect to (?:local )?(?:MySQL|MariaDB|server)[^\n]{0,80}"
    r"|ECONNREFUSED \S{0,80}:3306\b|ENOENT \S{0,80}mysqld?\.sock"
)
_POSTGRESQL = re.compile(
    rf"(?:SQLSTATE\[08006\] \[7\]|pg_connect\(\)|could not connect to server|connection to server (?:at|on socket))"
    rf"[^\n]{{0,300}}?{_CLOSED}|ECONNREFUSED \S{{0,80}}:5432\b|ENOENT \S{{0,80}}\.s\.PGSQL\.5432"
)
_PATTERNS: dict[Kind, re.Pattern[str]] = {"MySQL": _MYSQL, "PostgreSQL": _POSTGRESQL}
_WORDPRESS = "Error establishing a database connection"
_LONGEST = 4096


@dataclass(frozen=True)
class Complaint:
    """Somebody who could not reach a database, at that time, in the words of a site that is bad."""

    kind: Kind
    evidence: Evidence
    time: float


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """database-down, once a kind of database that the site asks in vain."""
    told = [one for one in _complaints(snapshot) if one.time >= _started(snapshot, one.kind)]
    for kind in dict.fromkeys(one.kind for one in told):
        evidence = tuple(one.evidence for one in told if one.kind == kind)[-MOST_LINES:]
        here = [server for server in databases.servers(snapshot) if server.kind == kind]
        down = [server for server in here if not server.unit.running]
        if len(down) == 1 and down == here:
            yield _down(snapshot, down[0], evidence)
        else:
            yield _elsewhere(kind, here, evidence)


def _started(snapshot: Snapshot, kind: Kind) -> float:
    """Since when the servers of that kind run that do: what was said before is over."""
    running = (one.unit for one in databases.servers(snapshot) if one.kind == kind and one.unit.running)
    return max((freshness.at(snapshot.machine, unit.served_since) for unit in running), default=0.0)


def _down(snapshot: Snapshot, server: DatabaseServer, told: tuple[Evidence, ...]) -> Finding:
    unit = server.unit
    state = f"{unit.active_state}/{unit.sub_state}, Result={unit.result}, {unit.unit_file_state or unit.load_state}"
    full = _full_disk(snapshot, server)
    lines = [Evidence(f"unit:{unit.name}", state), *told, *_last_words(snapshot, unit.name)]
    return Finding(
        "database-down",
        unit.name,
        "certain",
        f"the site's database {unit.name} is {unit.active_state}",
        tuple(lines),
        None if full or unit.masked or not server.down else RESTART,
        _advice(snapshot, server, full=full),
    )


def _advice(snapshot: Snapshot, server: DatabaseServer, *, full: str | None) -> str | None:
    unit = server.unit
    if full:
        return (
            f"{full} is full: make room first, then systemctl start {unit.name}. Never delete files below it by hand."
        )
    if unit.masked:
        return f"It is masked, so somebody wants it down: ask, then systemctl unmask {unit.name}."
    if unit.unit_file_state == "disabled":
        return (
            f"It is disabled, so it is started only if you name it: --set {RESTART}.services={unit.name}; "
            "it stays disabled."
        )
    if flap_guard.DEFAULT.stops(snapshot, unit.name):
        return (
            f"It was {flap_guard.often(snapshot, unit.name)}; a person must find out why: journalctl -u {unit.name} -e."
        )
    if unit.flapping:
        return f"It dies and is started anew, over and over; find out why: journalctl -u {unit.name} -e."
    if not server.down:
        return f"It is still coming up: journalctl -u {unit.name} -f. A recovery may take long; do not kill it."
    if unit.active_state == "failed":
        return f"Find out why it died: journalctl -u {unit.name} -e. Delete none of its files."
    return None


def _elsewhere(kind: Kind, here: list[DatabaseServer], told: tuple[Evidence, ...]) -> Finding:
    states = ", ".join(f"{one.unit.name} is {one.unit.active_state}" for one in here)
    advice = (
        f"{states}: see whether it listens where the site looks (ss -lntxp), and whether the site's password is right."
        if here
        else f"This host has no unit of {kind}: it is elsewhere or in a container. Ask there whether it runs; from "
        f"here: nc -vz HOST {PORTS[kind]}, with the host that the site's configuration names."
    )
    return Finding(
        "database-down",
        kind,
        "likely",
        f"the site cannot reach its {kind} database",
        (*told, *(Evidence(f"unit:{one.unit.name}", one.unit.active_state) for one in here)),
        None,
        advice,
    )


def _full_disk(snapshot: Snapshot, server: DatabaseServer) -> str | None:
    """The file system of its data, where that has no room."""
    known = snapshot.disks
    disk = None if isinstance(known, Unknown) else known.under(server.folder)
    return disk.mount if disk and (disks.is_full(disk) or disks.few_inodes(disk)) else None


def _last_words(snapshot: Snapshot, unit: str) -> Iterator[Evidence]:
    journal = () if isinstance(snapshot.journal, Unknown) else snapshot.journal
    lines = sorted((line for line in journal if line.unit == unit), key=lambda line: line.time)
    for line in lines[-2:]:
        yield Evidence(f"journal:{unit}", f"{freshness.clock(snapshot.machine, line.time)} {line.message}")


def _complaints(snapshot: Snapshot) -> Iterator[Complaint]:
    """What PHP says through nginx, what apps print, and what their error pages show."""
    for record in complaints.fresh(snapshot, of_apps=True):
        if record.message.startswith("FastCGI sent in stderr:"):
            yield from _in(record.source, record.message, _first_line(record.text), record.time)
    yield from _of_apps(snapshot)
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    for answer in answers:
        if answer.status is not None and health.complaint(answer):
            shown = f"{answer.probe.url}: {answer.status}"
            if _WORDPRESS in answer.body:
                yield Complaint("MySQL", Evidence("http", f"{shown}, {_WORDPRESS}"), snapshot.machine.now)
            else:
                yield from _in("http", answer.body, shown, snapshot.machine.now)


def _of_apps(snapshot: Snapshot) -> Iterator[Complaint]:
    """What the units behind a bad site have printed lately."""
    if health.judge(snapshot.answers).ok is not False or isinstance(snapshot.journal, Unknown):
        return
    names = {unit.name for unit in topology.web_units(snapshot)}
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    for line in snapshot.journal:
        if line.unit in names and line.time >= since:
            text = f"{freshness.clock(snapshot.machine, line.time)} {_first_line(line.message)}"
            yield from _in(f"journal:{line.unit}", line.message, text, line.time)


def _in(source: str, text: str, shown: str, time: float) -> Iterator[Complaint]:
    for kind, pattern in _PATTERNS.items():
        if match := pattern.search(text[:_LONGEST]):
            words = shown if match[0] in shown else f"{shown} {match[0]}"
            yield Complaint(kind, Evidence(source, words), time)


def speaks_of_one(text: str) -> bool:
    """Whether these words say that a database could not be reached."""
    return any(pattern.search(text[:_LONGEST]) for pattern in _PATTERNS.values())


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
