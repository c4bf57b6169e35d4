"""PHP-FPM workers that die or are ended in the midst of a request: nginx sees a connection that is reset."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations import freshness, listening, memory_use, topology
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.nginx import complaints
from remediations.snapshot import FpmVersion, Snapshot

NEAR_SECONDS = 2
"""Neither log has fractions of a second."""
BY_SIGNAL = {"4": "ILL", "6": "ABRT", "7": "BUS", "8": "FPE", "11": "SEGV"}
"""What a process gets for a fault of its own."""

_CHILD = r"\[[^\]]{1,40}\] WARNING: \[pool (?P<pool>[^\]]{1,255})\] child (?P<child>\d+)"
_EXITED = re.compile(_CHILD + r" exited on signal (?P<signal>\d+)")
_TIMED_OUT = re.compile(
    _CHILD + r", script '(?P<script>[^']{1,1000})' .{0,2000}execution timed out \((?P<seconds>[\d.]+) sec\)"
)
SEGFAULT = (
    "An extension, OPcache's JIT or a plugin breaks PHP itself: undo the newest of them (package log, deploy). A "
    "restart does not cure it; coredumpctl shows where it died, if cores are kept."
)
OOM = "Lower pm.max_children, find the leak or add memory. Never raise pm.max_children now."
KILLED = (
    "Was it the kernel? journalctl -k -g 'oom|Killed process' says so; then it is want of memory. Otherwise somebody, "
    "or something such as a watchdog, kills them: auditctl -a always,exit -S kill shows who."
)
_KILLED_BY_KERNEL = "has been killed by the OOM killer"


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """What each PHP-FPM's log says of the seconds in which nginx was let down by it, in the present fault."""
    if isinstance(snapshot.fpm_versions, Unknown):
        return
    for version in snapshot.fpm_versions:
        times = _let_down(snapshot, version)
        newest: dict[tuple[str, str], Finding] = {}
        for path, line in _lines(snapshot, version, times) if times else ():
            finding = ended(snapshot, version.fpm.unit or version.fpm.main, path, line)
            if finding:
                newest[finding.cause, finding.subject] = finding
        yield from newest.values()


def _let_down(snapshot: Snapshot, version: FpmVersion) -> set[float]:
    """When nginx complained of this PHP-FPM."""
    served = {
        name
        for address in topology.backend_addresses(snapshot)
        if (fpm := topology.fpm_of(snapshot, address)) and fpm.fpm.main == version.fpm.main
        for name in listening.names(address)
    }
    return {record.time for record in complaints.fresh(snapshot) if complaints.subject(record) in served}


def _lines(snapshot: Snapshot, version: FpmVersion, times: set[float]) -> Iterator[tuple[str, str]]:
    """The lines of its log within 2 s of these times."""
    path = version.config.global_settings.error_log.value
    if isinstance(snapshot.logs, Unknown) or path is None or path not in snapshot.logs:
        return
    near = {time + offset for time in times for offset in range(-NEAR_SECONDS, NEAR_SECONDS + 1)}
    for line in snapshot.logs[path].lines:
        if freshness.fpm_time(snapshot.machine, line) in near:
            yield path, line


def ended(snapshot: Snapshot, master: str, path: str, line: str) -> Finding | None:
    """What this line of a PHP-FPM's log says of a worker's end; `master` is how that PHP-FPM is called."""
    return _timed_out(master, path, line) or _exited(snapshot, master, path, line)


def _timed_out(master: str, path: str, line: str) -> Finding | None:
    match = _TIMED_OUT.match(line)
    return match and Finding(
        "request-terminated",
        f"{master}:{match['pool']}",
        "certain",
        f"PHP-FPM ended {match['script']} after {match['seconds']} s (request_terminate_timeout)",
        (Evidence(f"log:{path}", line),),
        None,
        f"Find what {match['script']} waits for: the pool's slow log, the database, a server elsewhere. Raising "
        "request_terminate_timeout comes last; it must stay below nginx's fastcgi_read_timeout.",
    )


def _exited(snapshot: Snapshot, master: str, path: str, line: str) -> Finding | None:
    match = _EXITED.match(line)
    if match is None:
        return None
    subject = f"{master}:{match['pool']}"
    evidence = (Evidence(f"log:{path}", line),)
    if match["signal"] in BY_SIGNAL:
        what = f"workers of pool {match['pool']} die of a fault of their own (SIG{BY_SIGNAL[match['signal']]})"
        return Finding("worker-segfault", subject, "certain", what, evidence, None, SEGFAULT)
    if match["signal"] != "9":
        return None  # TERM and QUIT are how a master ends its workers
    if oom := (*_kernel_lines(snapshot, master, int(match["child"]), line), *_oom_lines(snapshot, master)):
        what = f"the kernel killed workers of pool {match['pool']} for want of memory"
        return Finding("worker-oom", subject, "certain", what, (*evidence, *oom), None, OOM)
    what = f"workers of pool {match['pool']} are killed from outside (signal 9)"
    return Finding("worker-killed", subject, "likely", what, evidence, None, KILLED + _unheard(snapshot))


def _unheard(snapshot: Snapshot) -> str:
    """Why the kernel's word is missing, where it could not be had: then want of memory is not ruled out."""
    return f" Unknown here: {snapshot.kernel.reason}." if isinstance(snapshot.kernel, Unknown) else ""


def _kernel_lines(snapshot: Snapshot, unit: str, child: int, line: str) -> tuple[Evidence, ...]:
    """The kernel's word of killing this worker: by its pid or, in a container, which counts pids anew, its second."""
    died = freshness.fpm_time(snapshot.machine, line) or 0
    return tuple(
        Evidence("kernel", f"{freshness.clock(snapshot.machine, time)} {kill.text}")
        for kill in memory_use.recent_kills(snapshot)
        if kill.name.startswith("php-fpm") and kill.unit in (None, unit)
        if abs((time := memory_use.at(snapshot, kill)) - died) <= NEAR_SECONDS or kill.pid == child
    )[-1:]


def _oom_lines(snapshot: Snapshot, unit: str) -> tuple[Evidence, ...]:
    if isinstance(snapshot.journal, Unknown):
        return ()
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    return tuple(
        Evidence(f"journal:{line.unit}", line.message)
        for line in snapshot.journal
        if line.unit == unit and line.time >= since and _KILLED_BY_KERNEL in line.message
    )[-1:]
