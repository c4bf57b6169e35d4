"""Reloads: nginx was told to read its files anew, could not, and serves on with what it had; the command returned 0."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.host import freshness, taken, topology
from remediations.nginx import log
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

BIND = re.compile(r"bind\(\) to (?P<place>\S+) failed \((?P<code>\d+): ")
ZONE = re.compile(r'\w+ "(?P<zone>[^"]+)" uses the "[^"]*" [\w ]*while previously it used')
"""limit_req, limit_conn_zone and cache: what a zone counts by, or where a cache lies, cannot change under it."""
WHOLE_SECONDS = 1.0


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """reload-not-applied, where the running master said so after its workers began, and no file has changed since."""
    record = refused(snapshot)
    if record is None:
        return
    unit = topology.nginx_unit(snapshot)
    subject = unit.name if unit else "nginx"
    zone = ZONE.match(record.message)
    yield Finding(
        "reload-not-applied", subject, "certain",
        f"nginx could not take its new configuration at the last reload, which returned 0: {_why(record)}",
        (Evidence(record.source, record.text), *_holders(snapshot, record)),
        "apply-pending-restart" if zone and unit else None, _zone(subject) if zone else _bind(subject),
    )  # fmt: skip


def refused(snapshot: Snapshot) -> Record | None:
    """nginx's newest word against a reload, of those that still hold."""
    nginx, serves = snapshot.live_nginx, freshness.nginx_serves_since(snapshot)
    if nginx is None or nginx.master is None or serves is None:
        return None
    since = max(serves - WHOLE_SECONDS, _edited(snapshot) - WHOLE_SECONDS)
    said = (one for one in log.records(snapshot) if one.level == "emerg" and one.pid == nginx.master)
    telling = [one for one in said if one.time >= since and (BIND.match(one.message) or ZONE.match(one.message))]
    return telling[-1] if telling else None


def _edited(snapshot: Snapshot) -> float:
    """When the newest file of nginx was changed: what was said before that, was said of another one."""
    tree = snapshot.nginx_tree
    reached = () if isinstance(tree, Unknown) else tree.reached
    return max((snapshot.files[path].changed for path in reached if path in snapshot.files), default=0.0)


def _why(record: Record) -> str:
    bind, zone = BIND.match(record.message), ZONE.match(record.message)
    if bind:
        return f"it may not listen at {bind['place']}"
    return f"zone {zone['zone']} is used in another way than before" if zone else record.message


def _holders(snapshot: Snapshot, record: Record) -> tuple[Evidence, ...]:
    bind, unit = BIND.match(record.message), topology.nginx_unit(snapshot)
    held = taken.holders(snapshot, bind["place"], (unit.name,) if unit else ()) if bind else ()
    return tuple(Evidence("socket", one.text) for one in held)


def _bind(subject: str) -> str:
    return (
        f"Free that address (ss -lntp says who holds it) or take its listen line out, then systemctl reload "
        f"{subject}; nginx -t does not see it. Do not restart before that: the old configuration serves on, and a "
        "restart would find the same address taken and be a full outage."
    )


def _zone(subject: str) -> str:
    return (
        f"nginx keeps a zone as long as it runs: only a restart of {subject} takes the new one, which cuts "
        "requests off for a moment. Or give the new zone a new name, and a reload will do."
    )
