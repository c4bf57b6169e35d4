"""PHP-FPM workers that die or are ended in the midst of a request: nginx sees a connection that is reset."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.host import freshness, listening, memory_use, topology
from remediations.nginx import complaints
from remediations.php import fpm_log, timeouts, waiting
from remediations.php import pools as php_pools
from remediations.php.fpm_log import Said
from remediations.snapshot import FpmVersion, Snapshot

NEAR_SECONDS = 2
"""Neither log has fractions of a second."""
BY_SIGNAL = {"4": "ILL", "6": "ABRT", "7": "BUS", "8": "FPE", "11": "SEGV"}
"""What a process gets for a fault of its own."""

_CHILD = r"\[pool (?P<pool>[^\]]{1,255})\] child (?P<child>\d+)"
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
        for said in _near(snapshot, version, times) if times else ():
            finding = ended(snapshot, version.fpm.unit or version.fpm.main, said)
            if finding:
                newest[finding.cause, finding.subject] = finding
        yield from newest.values()


def _let_down(snapshot: Snapshot, version: FpmVersion) -> set[float]:
    """When nginx complained of this PHP-FPM."""
    served = {
        name
        for address in topology.backend_addresses(snapshot)
        if (fpm := topology.fpm_of(snapshot, address)) and fpm.fpm.main == version.fpm.main
        for name in listening.names(snapshot, address)
    }
    return {record.time for record in complaints.fresh(snapshot) if complaints.subject(record) in served}


def _near(snapshot: Snapshot, version: FpmVersion, times: set[float]) -> Iterator[Said]:
    """What it says within 2 s of these times."""
    near = {int(time) + offset for time in times for offset in range(-NEAR_SECONDS, NEAR_SECONDS + 1)}
    return (said for said in fpm_log.lines(snapshot, version) if int(said.time) in near)


def ended(snapshot: Snapshot, master: str, said: Said) -> Finding | None:
    """What these words of a PHP-FPM say of a worker's end; `master` is how that PHP-FPM is called."""
    return _timed_out(snapshot, master, said) or _exited(snapshot, master, said)


def _timed_out(snapshot: Snapshot, master: str, said: Said) -> Finding | None:
    match = _TIMED_OUT.match(said.message)
    if match is None:
        return None
    at = php_pools.find(snapshot, f"{master}:{match['pool']}")
    chain = timeouts.broken(snapshot, at) if at else ""
    return Finding(
        "request-terminated",
        f"{master}:{match['pool']}",
        "certain",
        f"PHP-FPM ended {match['script']} after {match['seconds']} s (request_terminate_timeout)",
        (said.evidence, *(waiting.slow(snapshot, at) if at else ())),
        None,
        f"Find what {match['script']} waits for: the pool's slow log, the database, a server elsewhere. Raising "
        f"request_terminate_timeout comes last. {chain}".rstrip(),
    )


def _exited(snapshot: Snapshot, master: str, said: Said) -> Finding | None:
    match = _EXITED.match(said.message)
    if match is None:
        return None
    subject = f"{master}:{match['pool']}"
    evidence = (said.evidence,)
    if match["signal"] in BY_SIGNAL:
        what = f"workers of pool {match['pool']} die of a fault of their own (SIG{BY_SIGNAL[match['signal']]})"
        return Finding("worker-segfault", subject, "certain", what, evidence, None, SEGFAULT)
    if match["signal"] != "9":
        return None  # TERM and QUIT are how a master ends its workers
    if oom := (*_kernel_lines(snapshot, master, int(match["child"]), said), *_oom_lines(snapshot, master)):
        what = f"the kernel killed workers of pool {match['pool']} for want of memory"
        return Finding("worker-oom", subject, "certain", what, (*evidence, *oom), "lower-max-children", OOM)
    what = f"workers of pool {match['pool']} are killed from outside (signal 9)"
    return Finding("worker-killed", subject, "likely", what, evidence, None, KILLED + _unheard(snapshot))


def _unheard(snapshot: Snapshot) -> str:
    """Why the kernel's word is missing, where it could not be had: then want of memory is not ruled out."""
    return f" Unknown here: {snapshot.kernel.reason}." if isinstance(snapshot.kernel, Unknown) else ""


def _kernel_lines(snapshot: Snapshot, unit: str, child: int, said: Said) -> tuple[Evidence, ...]:
    """The kernel's word of killing this worker: by its pid or, in a container, which counts pids anew, its second."""
    return tuple(
        Evidence("kernel", f"{freshness.clock(snapshot.machine, time)} {kill.text}")
        for kill in memory_use.recent_kills(snapshot)
        if kill.name.startswith("php-fpm") and kill.unit in (None, unit)
        if abs((time := memory_use.at(snapshot, kill)) - said.time) <= NEAR_SECONDS or kill.pid == child
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
