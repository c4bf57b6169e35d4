"""PHP-FPM capacity: all workers are busy and requests wait, or are refused."""

from __future__ import annotations

from collections.abc import Iterator

from remediations import freshness, listening
from remediations.editors.fpm_pool import Pool
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.sockets import ListeningSocket
from remediations.findings import Evidence, Finding
from remediations.php.pools import REACHED
from remediations.snapshot import FpmVersion, Snapshot


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """pool-exhausted, once a pool: said by FPM's log since its last (re)start, or seen in its socket's queue."""
    if isinstance(snapshot.fpm_versions, Unknown):
        return
    for version in snapshot.fpm_versions:
        for pool in version.config.pools:
            evidence = (*_said(snapshot, version, pool), *_seen(snapshot, version, pool))
            if evidence:
                yield Finding(
                    "pool-exhausted",
                    f"{version.fpm.unit or version.fpm.main}:{pool.name}",
                    "certain" if len(evidence) > 1 else "likely",
                    f"pool {pool.name} has all of its {pool.max_children.value} workers busy",
                    evidence,
                    "tune-max-children",
                    "If the workers wait for a database or another server, more of them do not help: see its slow log.",
                )


def _said(snapshot: Snapshot, version: FpmVersion, pool: Pool) -> Iterator[Evidence]:
    path = version.config.global_settings.error_log.value
    unit = snapshot.unit(version.fpm.unit)
    if isinstance(snapshot.logs, Unknown) or path is None or path not in snapshot.logs:
        return
    since = max(
        freshness.at(snapshot.machine, unit.served_since) if unit else 0,
        snapshot.machine.now - freshness.RECENT_SECONDS,
    )
    lines = [
        line for line in snapshot.logs[path].lines if (match := REACHED.search(line)) and match["pool"] == pool.name
    ]
    fresh = [line for line in lines if (freshness.fpm_time(snapshot.machine, line) or 0) >= since]
    if fresh:
        yield Evidence(f"log:{path}", fresh[-1])


def _seen(snapshot: Snapshot, version: FpmVersion, pool: Pool) -> Iterator[Evidence]:
    """Connections that wait to be accepted while no worker is idle."""
    socket = _socket(snapshot, pool)
    if socket and socket.waiting > 0:
        yield Evidence("socket", f"{socket.waiting} connections wait at {socket.address} (backlog {socket.backlog})")
        unit = snapshot.unit(version.fpm.unit)
        if unit and ", idle: 0," in unit.status_text:
            yield Evidence(f"unit:{unit.name}", unit.status_text)


def _socket(snapshot: Snapshot, pool: Pool) -> ListeningSocket | None:
    listen = pool.listen.value
    if not listen:
        return None
    if listen.startswith("/"):
        return listening.listener(snapshot, Address(path=listen))
    host, _, port = listen.rpartition(":")
    return listening.listener(snapshot, Address(host or "127.0.0.1", int(port))) if port.isdigit() else None
