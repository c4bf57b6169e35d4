"""A log alone: what its lines let one suspect where no host can be asked, never more than likely."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from remediations.causes import php_workers, units
from remediations.causes.services import DIED, GAVE_UP, RESTART
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.findings import Evidence, Finding
from remediations.host import freshness, taken
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.php import fpm_log
from remediations.php.fpm_log import Said
from remediations.php.pools import REACHED
from remediations.snapshot import Snapshot

_NO_SOCKET = re.compile(r"connect\(\) to unix:\S+ failed \(2: No such file or directory\)")
STOPPED = Saying(
    "service-stopped",
    _NO_SOCKET,
    "nobody has {subject} open: the service behind it may be stopped, or not come up",
    "Ask the host: ss -lxp shows which sockets there are, systemctl status the service (php*-fpm, or the app's). If it "
    "runs and ss lists the path, the file was deleted: restart it, a reload does not make it anew.",
    "possible",
)
ELSEWHERE = Saying(
    "socket-path-mismatch",
    _NO_SOCKET,
    "{subject} may not be where the service listens, as after an upgrade of PHP",
    "Compare fastcgi_pass (or proxy_pass) with what listens: ss -lxp; and with listen in the pool. No symbolic link to "
    "the old name.",
    "possible",
)
CRASHED = Saying(
    "service-crashed",
    re.compile(r"connect\(\) to unix:\S+ failed \(111: Connection refused\)"),
    "{subject} is there and nobody listens: the service behind it may have died",
    "Ask the host: systemctl status the service (php*-fpm, or the app's), journalctl -u UNIT -e for why. Do not remove "
    "the socket by hand.",
    "possible",
)
DOWN = Saying(
    "app-down",
    re.compile(r"connect\(\) (?:to (?!unix:)\S+ )?failed \(111: Connection refused\)"),
    "{subject} refuses nginx's connections: the app there may be down, or listen elsewhere",
    "Ask the host that has this address: ss -lntp shows who listens and where. Nobody: see the app's own log, then "
    "start it. Somebody: on another address ([::1] is not 127.0.0.1), or a firewall refuses. Do not raise timeouts.",
    "possible",
)
NGINX = "nginx"
MOST_LINES = 3
_EMERG = re.compile(r"(?:nginx: )?(?:\[emerg\] )?(?:\d+#\d+: )?(?P<what>.{1,1000} in (?P<place>/\S{1,500}:\d+))$")
_OOM = re.compile(r".{0,500}Killed process \d+ \((?P<name>php-fpm[^)]{0,64})\)")
_NO_SPACE = re.compile(r"(?:[^\"]{0,200}\"(?P<path>/[^\"]{1,500})\")?.{0,500}No space left on device")
TAKEN = (
    "Ask the host who: ss -lntp (ss -lxp for a socket), then systemctl status its pid. An old process of the same app "
    "is ended by its own manager. Never kill -9 whom you do not know."
)
FULL = (
    "Ask the host: df -h and df -i (one may show room), then du -xh of the full one for what fills it. To delete "
    "an open log frees nothing. Delete no database and nothing that you do not know."
)
_FPM_UNIT = re.compile(r"php[\w.-]*fpm[\w.-]*\.service")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """Nothing where the host itself has answered: then the other families know better."""
    if snapshot.log_alone:
        for saying in (STOPPED, ELSEWHERE, CRASHED, DOWN):
            yield from complaints.findings(snapshot, (saying,))
        yield from _config_invalid(snapshot)
        yield from {(one.cause, one.subject): one for one in _php_fpm(snapshot)}.values()
        ended = (*_units(snapshot), *_killed_by_kernel(snapshot))
        yield from {(one.cause, one.subject): one for one in ended}.values()
        yield from _taken(snapshot)
        yield from _full(snapshot)


def _config_invalid(snapshot: Snapshot) -> Iterator[Finding]:
    """nginx's own words when it was started, reloaded or tested with a file that it refuses."""
    said = [(one.source, one.message) for one in complaints.recent(snapshot) if one.level == "emerg"]
    said += [(f"journal:{one.source}", one.message) for one in _recent(snapshot) if "[emerg]" in one.message]
    places = {match["place"]: (source, match["what"]) for source, text in said if (match := _EMERG.match(text))}
    for place, (source, what) in places.items():
        advice = f"Mend {place}, then nginx -t. Do not restart nginx before that passes."
        summary = f"nginx refuses the configuration at {place}"
        yield Finding("config-invalid", NGINX, "likely", summary, (Evidence(source, what),), None, advice)


def _php_fpm(snapshot: Snapshot) -> Iterator[Finding]:
    """The newest line about each pool."""
    logs = {} if isinstance(snapshot.logs, Unknown) else snapshot.logs
    since, master = snapshot.machine.now - freshness.RECENT_SECONDS, _master(snapshot)
    for log in logs.values():
        for line in log.lines:
            said = fpm_log.said_in(snapshot, log.path, line)
            if said and said.time >= since:
                found = php_workers.ended(snapshot, master, said) or _exhausted(master, said)
                if found:
                    yield found


def _exhausted(master: str, said: Said) -> Finding | None:
    match = REACHED.match(said.message)
    return match and Finding(
        "pool-exhausted",
        f"{master}:{match['pool']}",
        "likely",
        f"pool {match['pool']} has all of its {match['limit']} workers busy",
        (said.evidence,),
        "tune-max-children",
        "If the workers wait for a database or another server, more of them do not help: see its slow log.",
    )


def _master(snapshot: Snapshot) -> str:
    """The one PHP-FPM that the journal speaks of."""
    units = {one.unit for one in _journal(snapshot) if one.unit and _FPM_UNIT.fullmatch(one.unit)}
    return units.pop() if len(units) == 1 else "php-fpm"


_OF_MEMORY = dict.fromkeys((units.OOM, "worker-oom"), f"{php_workers.OOM} ")


@dataclass
class _State:
    """How a unit stands, and the lines that say so."""

    cause: str
    what: str
    cure: str | None = RESTART
    lines: list[JournalLine] = field(default_factory=list)


def _units(snapshot: Snapshot) -> Iterator[Finding]:
    """How each unit stands at the end of the journal: what was said since its last start counts."""
    states: dict[str, _State] = {}
    for line in _journal(snapshot):
        if not line.unit or line.source != "systemd" or line.unit.startswith("user@"):
            continue
        if line.message.startswith("Started "):
            states.pop(line.unit, None)
        elif new := _said_of(line, states.get(line.unit)):
            states[line.unit] = new
            new.lines.append(line)
    for name, state in states.items():
        if state.cause == "worker-oom" and not _FPM_UNIT.fullmatch(name):
            continue  # it may run on without that process
        told = [f"{freshness.clock(snapshot.machine, one.time)} {one.message}" for one in state.lines[-MOST_LINES:]]
        yield Finding(
            state.cause, name, "likely", f"{name}: {state.what}, as the journal ends",
            tuple(Evidence(f"journal:{name}", text) for text in told), state.cure,
            f"{_OF_MEMORY.get(state.cause, '')}"
            f"Ask the host how it is now: systemctl status {name}; why: journalctl -u {name} -e.",
        )  # fmt: skip


def _said_of(line: JournalLine, state: _State | None) -> _State | None:
    """The unit's state by this line; that systemd has given up outweighs all that follows, a death that it stopped."""
    before = state.lines if state else []
    if GAVE_UP.search(line.message):
        return _State("start-limit-hit", "systemd has given up starting it", lines=before)
    if DIED.search(line.message) and (state is None or state.cause != "start-limit-hit"):
        return _death(line, state.cause if state else "", before)
    if line.message.startswith("Stopped ") and state is None:
        return _State("service-stopped", "it was stopped and not started again")
    return None


def _death(line: JournalLine, cause: str, before: list[JournalLine]) -> _State:
    """One process that the kernel killed is no death of the unit, until systemd says that it ended all of it."""
    if "Failed with result 'oom-kill'" in line.message or cause == units.OOM:
        what = "it was stopped as a whole after one of its processes ran out of memory"
        return _State(units.OOM, what, "oom-policy", before)
    if units.KILLED in line.message and cause != "service-crashed":
        return _State("worker-oom", "one of its processes was killed for want of memory", None, before)
    return _State("service-crashed", "it died", lines=before)


def _killed_by_kernel(snapshot: Snapshot) -> Iterator[Finding]:
    found = [(one, match) for one in _recent(snapshot) if (match := _OOM.match(one.message))]
    for line, match in found[-1:]:
        what = f"the kernel killed {match['name']} for want of memory"
        evidence = (Evidence("kernel", line.message),)
        yield Finding("worker-oom", _master(snapshot), "likely", what, evidence, None, php_workers.OOM)


def _taken(snapshot: Snapshot) -> Iterator[Finding]:
    """The newest line about each address that somebody could not have."""
    said = [(source, text) for source, text in _said(snapshot) if taken.SAID.search(text)]
    newest = {next(taken.places(text), source): (source, text) for source, text in said}
    for place, (source, text) in newest.items():
        what = f"somebody else listens already at {place}"
        yield Finding("port-conflict", place, "likely", what, (Evidence(source, text),), None, TAKEN)


def _full(snapshot: Snapshot) -> Iterator[Finding]:
    said = [(source, text, match) for source, text in _said(snapshot) if (match := _NO_SPACE.match(text))]
    for source, text, match in said[-1:]:
        where = match["path"] or "a file system"
        what = f"no space is left for {where}" if match["path"] else "no space is left where it was written to"
        yield Finding("disk-full", where, "likely", what, (Evidence(source, text),), None, FULL)


def _said(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """What anybody said lately, with its source."""
    logs = {} if isinstance(snapshot.logs, Unknown) else snapshot.logs
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    yield from ((f"log:{one.path}", one.message) for one in complaints.recent(snapshot))
    for log in logs.values():
        lines = ((line, freshness.fpm_time(snapshot.machine, line)) for line in log.lines)
        yield from ((f"log:{log.path}", line) for line, time in lines if time and time >= since)
    yield from ((f"journal:{one.unit or one.source}", one.message) for one in _recent(snapshot))


def _recent(snapshot: Snapshot) -> Iterator[JournalLine]:
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    return (one for one in _journal(snapshot) if one.time >= since)


def _journal(snapshot: Snapshot) -> tuple[JournalLine, ...]:
    return () if isinstance(snapshot.journal, Unknown) else snapshot.journal
