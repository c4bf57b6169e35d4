"""Time on the host: when a daemon last read its files, and whether they are newer; when a log line was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from remediations.facts.base import Unknown
from remediations.facts.files import HostFile
from remediations.facts.machine import Machine
from remediations.host import topology
from remediations.snapshot import Snapshot

RECENT_SECONDS = 15 * 60
"""What a log said before that is history: a burst that is over is said to begin, and never to have ended."""
CLOCK_SECONDS = 0.5
"""The process table and the file system do not read the same clock at the same instant."""

_NGINX_TIME = re.compile(r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ")
_FPM_TIME = re.compile(r"^\[(\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d)")


@dataclass(frozen=True)
class Stale:
    """A daemon (its unit, else its own name) and its newest file, changed `seconds` after it last read them."""

    subject: str
    file: str
    seconds: float


def at(machine: Machine, since_boot: float) -> float:
    """Seconds since boot as seconds since the epoch, by the host's own clock."""
    return machine.now - machine.uptime + since_boot


def fpm_time(machine: Machine, line: str) -> float | None:
    """When PHP-FPM wrote this log line; its logs are in the host's local time."""
    match = _FPM_TIME.match(line)
    try:
        return local_time(machine, match[1], "%d-%b-%Y %H:%M:%S") if match else None
    except ValueError:
        return None  # it looks like a time and is none


def log_time(machine: Machine, line: str) -> float | None:
    """When nginx or PHP-FPM wrote this line of an error log; None where it does not say."""
    match = _NGINX_TIME.match(line)
    try:
        return local_time(machine, match[1], "%Y/%m/%d %H:%M:%S") if match else fpm_time(machine, line)
    except ValueError:
        return None  # it looks like a time and is none


def local_time(machine: Machine, text: str, form: str) -> float:
    """What a log calls `text`, in the host's local time, as seconds since the epoch."""
    return _local_time(machine.utc_offset, text, form)


@lru_cache(maxsize=4096)
def _local_time(offset: str, text: str, form: str) -> float:
    """Remembered: a log in trouble has a hundred lines a second."""
    return datetime.strptime(text, form).replace(tzinfo=_zone(offset)).timestamp()


def clock(machine: Machine, time: float) -> str:
    """A time as the host's own clock shows it."""
    return datetime.fromtimestamp(time, _zone(machine.utc_offset)).strftime("%Y-%m-%d %H:%M:%S")


def _zone(offset: str) -> timezone:
    sign = -1 if offset.startswith("-") else 1
    hours, minutes = int(offset[1:3]), int(offset[3:5])
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def behind_files(snapshot: Snapshot) -> Iterator[Stale]:
    """The daemons that run and have not read the newest of their files."""
    yield from _nginx(snapshot)
    yield from _fpm(snapshot)


def nginx_serves_since(snapshot: Snapshot) -> float | None:
    """A reload of nginx gives new workers; the oldest that still accepts tells since when it serves, if one does."""
    return min((worker.started for worker in topology.nginx_workers(snapshot)), default=None)


def _nginx(snapshot: Snapshot) -> Iterator[Stale]:
    since, tree = nginx_serves_since(snapshot), snapshot.nginx_tree
    if since is not None and not isinstance(tree, Unknown):
        unit = topology.nginx_unit(snapshot)
        files = (snapshot.files[path] for path in tree.reached if path in snapshot.files)
        yield from _stale(unit.name if unit else "nginx", files, since)


def _fpm(snapshot: Snapshot) -> Iterator[Stale]:
    """A reload of PHP-FPM keeps the pid; its unit's last change of state tells when it was."""
    if isinstance(snapshot.fpm_versions, Unknown):
        return
    for version in snapshot.fpm_versions:
        unit = snapshot.unit(version.fpm.unit)
        if unit and unit.running:
            names = (*version.config.read, *version.fpm.ini_files)
            files = (snapshot.files[name] for name in names if name in snapshot.files)
            yield from _stale(unit.name, files, at(snapshot.machine, unit.served_since))


def _stale(subject: str, files: Iterable[HostFile], since: float) -> Iterator[Stale]:
    newest = max(files, key=lambda file: file.changed, default=None)
    if newest and newest.changed > since + CLOCK_SECONDS:
        yield Stale(subject, newest.path, newest.changed - since)
