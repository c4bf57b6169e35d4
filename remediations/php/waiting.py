"""Whether the workers of a pool wait for something else: seen in what they do, and in what its slow log shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.facts.work import Work
from remediations.findings import Evidence
from remediations.host import freshness, listening
from remediations.php import fpm_log
from remediations.php import pools as php_pools
from remediations.php.pools import PoolAt
from remediations.snapshot import Snapshot

MOST = 0.75
"""So many of those that serve a request must wait, before more of them would only wait as well."""
ENOUGH_TRACES = 2
"""One slow request is one slow request."""

_WAITS = re.compile(
    r"\w*(?:mysqli?|pdo|pg|oci|sqlsrv|mongo\w*|redis\w*|memcached?|curl|socket|stream|fsockopen|pfsockopen|fgets|fread|"
    r"file_get_contents|fopen|flock|sem_acquire|sleep|usleep|session_start|soapclient|gethostbyname|dns_get_record|"
    r"proc_close|exec|shell_exec|ldap|imap|ftp|ssh2|mail)",
    re.IGNORECASE,
)
"""PHP's functions that wait: the top of a stack in a slow log."""
_VAGUE = re.compile(r"(?:do_syscall|ret_from|ptrace|entry_)|$")
"""Words of the kernel that are none for what a process waits in."""
_TRACE = re.compile(r"^(\[[^\]]{10,40}\])\s+\[pool ([^\]]{1,255})\] pid \d+$")
_FRAME = re.compile(r"^\[0x[0-9a-f]+\] (?P<function>[^\s(]{1,200})\(\) (?P<where>\S{1,500})")


@dataclass(frozen=True)
class Hint:
    """What names at the other end of a connection, or in the kernel's word for a wait, mean, and where to look."""

    pattern: re.Pattern[str]
    name: str
    look: str


HINTS = (
    Hint(re.compile(r".*:3306|.*(?:mysql|mariadb)\S*"), "MySQL", "SHOW FULL PROCESSLIST"),
    Hint(re.compile(r".*:5432|.*PGSQL\S*"), "PostgreSQL", "SELECT * FROM pg_stat_activity"),
    Hint(re.compile(r".*:6379|.*redis\S*"), "Redis", "redis-cli SLOWLOG GET and INFO clients"),
    Hint(re.compile(r".*:27017|.*mongo\S*"), "MongoDB", "db.currentOp()"),
    Hint(re.compile(r".*:11211|.*memcached\S*"), "memcached", "its stats"),
    Hint(re.compile(r".*lock.*"), "a lock on a file", "cat /proc/locks; PHP's sessions lock one until they are closed"),
    Hint(re.compile(r".*nanosleep.*"), "a sleep of the script itself", "its code"),
    Hint(re.compile(r"folio\w*|io_schedule\w*|rpc\w*|nfs\w*|wait_on_page\w*"), "a disk or a network file system",
         "iostat -x 1 and mount"),
)  # fmt: skip


@dataclass(frozen=True)
class Serving:
    """The workers of a pool that serve a request now, and those of them that wait."""

    serving: tuple[Work, ...]
    waiting: tuple[Work, ...]

    @property
    def blocked(self) -> bool:
        return bool(self.serving) and len(self.waiting) >= MOST * len(self.serving)


def seen(snapshot: Snapshot, at: PoolAt) -> Serving:
    """What the pool's workers were seen to do; nobody serves where that is not known."""
    works = {} if isinstance(snapshot.work, Unknown) else snapshot.work
    found = [works[one.pid] for one in php_pools.workers(snapshot, at) if one.pid in works]
    serving = [one for one in found if _requests(at, one)]
    if not serving and not any(one.connections for one in found) and php_pools.none_idle(snapshot, at):
        serving = found  # whose connections cannot be seen, for want of root or of ss
    return Serving(tuple(serving), tuple(one for one in serving if _waits(at, one)))


def _waits(at: PoolAt, work: Work) -> bool:
    """Asleep the whole time, or most of it with somebody at the other end: short requests come and go."""
    return not work.computes and (not work.moved or bool(_peers(at, work)))


def _requests(at: PoolAt, work: Work) -> list[str]:
    return [local for local, _ in work.connections if _is_own(at, local)]


def _peers(at: PoolAt, work: Work) -> list[str]:
    """Who stands at the other end of the connections that are not those of requests, nor the master's own."""
    others = (peer for local, peer in work.connections if not _is_own(at, local))
    return [peer for peer in others if peer != "*" and not peer.startswith("/run/systemd/")]


def _is_own(at: PoolAt, local: str) -> bool:
    listen = at.pool.listen.value or ""
    if listen.startswith("/"):
        return listening.plain_path(local) == listening.plain_path(listen)
    return local.rpartition(":")[2] == listen.rpartition(":")[2]


def evidence(snapshot: Snapshot, at: PoolAt) -> tuple[Evidence, ...]:
    """That the pool's workers wait: as they were seen now, or as its slow log has it; nothing where they do not."""
    return (*_now(at, seen(snapshot, at)), *slow(snapshot, at)) if seen(snapshot, at).blocked else _logged(snapshot, at)


def _now(at: PoolAt, found: Serving) -> Iterator[Evidence]:
    seconds, busy = max(one.seconds for one in found.waiting), sum(one.busy for one in found.waiting)
    waits = Counter(one.wait for one in found.waiting if not _VAGUE.match(one.wait))
    said = f": {', '.join(f'{count} in {wait}' for wait, count in waits.most_common(3))}" if waits else ""
    yield Evidence(
        "process",
        f"{len(found.waiting)} of the {len(found.serving)} workers that serve a request wait{said}; all of them "
        f"took {busy:.2f} s of processor time in {seconds:.1f} s",
    )
    peers = Counter(peer for one in found.waiting for peer in dict.fromkeys(_peers(at, one)))
    for peer, count in peers.most_common(3):
        yield Evidence("socket", f"{count} of them are connected to {peer}")


def slow(snapshot: Snapshot, at: PoolAt) -> tuple[Evidence, ...]:
    """What the pool's slow log shows most often of late."""
    top = _traces(snapshot, at)
    if not top:
        return ()
    (frame, count), *_ = Counter(top).most_common(1)
    return (Evidence(f"log:{at.pool.slowlog.value}", f"{count} of the last {len(top)} slow requests were in {frame}"),)


def _logged(snapshot: Snapshot, at: PoolAt) -> tuple[Evidence, ...]:
    """Where nothing could be seen of the workers now, the slow log alone may tell."""
    top = _traces(snapshot, at)
    waiting = [frame for frame in top if _WAITS.match(frame)]
    nobody = not seen(snapshot, at).serving
    return slow(snapshot, at) if nobody and len(waiting) >= max(ENOUGH_TRACES, MOST * len(top)) else ()


def _traces(snapshot: Snapshot, at: PoolAt) -> list[str]:
    """The innermost frame of each slow request of the last 15 minutes, since the PHP-FPM was started."""
    path = at.pool.slowlog.value or ""
    logs = {} if isinstance(snapshot.slow_logs, Unknown) else snapshot.slow_logs
    since = fpm_log.fresh_since(snapshot, at.version)
    return list(_innermost(snapshot, at, logs[path].lines, since)) if path in logs else []


def _innermost(snapshot: Snapshot, at: PoolAt, lines: Sequence[str], since: float) -> Iterator[str]:
    wanted = False
    for line in lines:
        if head := _TRACE.match(line):
            time = freshness.fpm_time(snapshot.machine, line)
            wanted = head[2] == at.pool.name and time is not None and time >= since
        elif wanted and (frame := _FRAME.match(line)):
            yield f"{frame['function']}() at {frame['where']}"
            wanted = False


def hints(snapshot: Snapshot, at: PoolAt) -> tuple[Hint, ...]:
    """What they wait for: a connection tells most, then the kernel's word, then the function of PHP."""
    waiting = seen(snapshot, at).waiting
    peers = list(dict.fromkeys(peer for one in waiting for peer in _peers(at, one)))
    functions = [frame.partition("(")[0] for frame in _traces(snapshot, at)]
    for names in (peers, [one.wait for one in waiting], functions):
        if found := tuple(hint for hint in HINTS if any(hint.pattern.fullmatch(name) for name in names)):
            return found
    return tuple(Hint(HINTS[0].pattern, peer, "does it answer? See its own log") for peer in peers[:1])
