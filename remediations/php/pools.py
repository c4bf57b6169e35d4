"""The pools of a host's PHP-FPMs: what they are called, which of them nginx passes to, who works for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from remediations.editors.fpm_pool import Pool
from remediations.editors.nginx_address import Address
from remediations.editors.nginx_upstreams import pass_targets
from remediations.facts.base import Unknown
from remediations.facts.processes import Process
from remediations.facts.sockets import ListeningSocket
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import listening, topology
from remediations.snapshot import FpmVersion, Snapshot

REACHED = re.compile(r"\[pool (?P<pool>[^\]]{1,255})\] server reached (?:pm\.)?max_children setting \((?P<limit>\d+)\)")
"""PHP-FPM's line about a pool all of whose workers are busy."""


@dataclass(frozen=True)
class PoolAt:
    """One pool and the PHP-FPM that it belongs to."""

    version: FpmVersion
    pool: Pool

    @property
    def master(self) -> str:
        """How its PHP-FPM is called: by its unit, where it has one, else by its main file."""
        return self.version.fpm.unit or self.version.fpm.main

    @property
    def subject(self) -> str:
        """How findings call it."""
        return f"{self.master}:{self.pool.name}"

    def named(self, name: str) -> bool:
        """Whether a person means it by `www`, `8.2:www` or `php8.2-fpm.service:www`; PHP-FPM looks at no case."""
        own = self.pool.name
        names = {
            own,
            self.subject,
            f"{self.version.fpm.version}:{own}",
            f"{self.master.removesuffix('.service')}:{own}",
        }
        return name.lower() in {one.lower() for one in names}

    def listens_at(self, address: Address) -> bool:
        """Whether what is sent to this address on this host reaches the pool."""
        listen = self.pool.listen.value or ""
        if address.is_unix or listen.startswith("/"):
            return _path(listen) == _path(address.path or "")
        return listen.rpartition(":")[2] == str(address.port)


def _path(path: str) -> str:
    """/var/run is a link to /run on every system of the last ten years, and configurations use both."""
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


def every(versions: Iterable[FpmVersion]) -> tuple[PoolAt, ...]:
    return tuple(PoolAt(version, pool) for version in versions for pool in version.config.pools)


def find(snapshot: Snapshot, subject: str) -> PoolAt | None:
    """The pool that findings call so."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    return next((at for at in every(versions) if at.subject == subject), None)


def passed_to(snapshot: Snapshot, pools: Sequence[PoolAt]) -> tuple[PoolAt, ...]:
    """Those that nginx passes requests to, all where a variable decides; none where nothing is known."""
    tree = snapshot.nginx_tree
    if not isinstance(tree, Unknown) and any(
        target.variable and target.node.name == "fastcgi_pass" for target in pass_targets(tree)
    ):
        return tuple(pools)
    addresses = topology.backend_addresses(snapshot)
    return tuple(at for at in pools if any(at.listens_at(address) for address in addresses))


def listener(snapshot: Snapshot, at: PoolAt) -> ListeningSocket | None:
    """The socket on which the pool accepts requests, where it does."""
    listen = at.pool.listen.value or ""
    if listen.startswith("/"):
        return listening.listener(snapshot, Address(path=listen))
    host, _, port = listen.rpartition(":")
    return listening.listener(snapshot, Address(host or "127.0.0.1", int(port))) if port.isdigit() else None


def none_idle(snapshot: Snapshot, at: PoolAt) -> Unit | None:
    """The pool's unit, where PHP-FPM last told systemd that no worker of any pool is idle."""
    unit = snapshot.unit(at.version.fpm.unit)
    return unit if unit and ", idle: 0," in unit.status_text else None


def pressed(snapshot: Snapshot) -> tuple[int, ...]:
    """The workers of the pools that seem to have none to spare."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    return tuple(one.pid for at in every(versions) if _is_pressed(snapshot, at) for one in workers(snapshot, at))


def full_grown(snapshot: Snapshot) -> tuple[tuple[int, ...], ...]:
    """The workers of each other pool that is as large as it may be, as a static one always is: that says nothing."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    others = (at for at in every(versions) if not _is_pressed(snapshot, at) and _is_full(snapshot, at))
    return tuple(pids for at in others if (pids := tuple(one.pid for one in workers(snapshot, at))))


def _is_pressed(snapshot: Snapshot, at: PoolAt) -> bool:
    """Somebody waits, or it grew to its limit by need; PHP-FPM tells systemd only every ten seconds how it is."""
    socket, pool = listener(snapshot, at), at.pool
    grows = pool.pm.value == "ondemand" or pool.max_spare_servers.value < pool.max_children.value
    grown = pool.pm.value != "static" and grows and _is_full(snapshot, at)
    return grown or none_idle(snapshot, at) is not None or (socket is not None and socket.waiting > 0)


def _is_full(snapshot: Snapshot, at: PoolAt) -> bool:
    return len(workers(snapshot, at)) >= at.pool.max_children.value


def found_exhausted(findings: Sequence[Finding], at: PoolAt) -> Finding | None:
    return next((one for one in findings if one.cause == "pool-exhausted" and one.subject == at.subject), None)


def found_blocked(findings: Sequence[Finding], at: PoolAt) -> Finding | None:
    return next((one for one in findings if one.cause == "pool-blocked" and one.subject == at.subject), None)


def is_exhausted(snapshot: Snapshot, findings: Sequence[Finding], at: PoolAt) -> bool:
    """Whether it was found exhausted at the limit that its files hold now, and not at an older, lower one."""
    finding = found_exhausted(findings, at)
    if finding is None:
        return False
    limits = [int(match["limit"]) for each in finding.evidence if (match := REACHED.search(each.text))]
    reached = max(limits) if limits else len(workers(snapshot, at))
    return reached >= at.pool.max_children.value


def main_unit(snapshot: Snapshot, version: FpmVersion) -> Unit | None:
    """The unit whose main process this PHP-FPM is."""
    units = {} if isinstance(snapshot.units, Unknown) else snapshot.units
    master = version.fpm.master
    return next((one for one in units.values() if master and one.main_pid == master), None)


def processes(snapshot: Snapshot, version: FpmVersion) -> tuple[Process, ...]:
    """The master and all its children; none where it does not run or processes are not known."""
    master = version.fpm.master
    if master is None or isinstance(snapshot.processes, Unknown):
        return ()
    return tuple(one for one in snapshot.processes.values() if master in (one.pid, one.parent))


def workers(snapshot: Snapshot, at: PoolAt) -> tuple[Process, ...]:
    """The children that serve this pool, told by their title."""
    title = f"php-fpm: pool {at.pool.name}"
    master = at.version.fpm.master
    return tuple(one for one in processes(snapshot, at.version) if one.parent == master and one.title.strip() == title)
