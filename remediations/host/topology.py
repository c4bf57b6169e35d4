"""Who stands behind whom: from an address that nginx passes to, to the unit that should answer there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_address import Address
from remediations.editors.nginx_routes import is_closed
from remediations.editors.nginx_upstreams import PassTarget, pass_targets, upstreams
from remediations.facts import addresses
from remediations.facts.base import Unknown
from remediations.facts.processes import Process
from remediations.facts.sockets import ListeningSocket
from remediations.facts.units import Unit
from remediations.host import listening
from remediations.host.remembered import remembered
from remediations.snapshot import FpmVersion, Snapshot

# Units that run what others start: a listener in their cgroup says nothing about who should answer there.
_SHARED = re.compile(r"(?:sshd?(?:@.*)?|crond?|atd|docker|containerd|podman|dbus|systemd-.*|user@.*|getty@.*)\.service")


def runs_others(unit: str) -> bool:
    """Whether this unit runs what others start, such as ssh.service: what is in its cgroup is not its own."""
    return bool(_SHARED.fullmatch(unit))


@dataclass(frozen=True)
class Behind:
    """What answers at an address: the listening socket, if any, and the units that hold or should hold it.

    `sure` tells whether a single unit may be acted on: it holds the socket, or is enabled to do so.
    """

    address: Address
    socket: ListeningSocket | None
    units: tuple[str, ...]
    sure: bool = True

    @property
    def unit(self) -> str | None:
        """The one unit, where there is exactly one and it is meant to be there."""
        return self.units[0] if self.sure and len(self.units) == 1 else None


@remembered
def backend_addresses(snapshot: Snapshot) -> tuple[Address, ...]:
    """The addresses on this host that nginx passes requests to, each once.

    Servers marked `down` are left in peace, and what stands behind a `return` or a `deny all`: nobody asks it.
    """
    named = (one for target in targets(snapshot) if not is_closed(target.node) for one in _asked(target))
    return tuple(dict.fromkeys(one for one in (*named, *snapshot.told) if is_local(snapshot, one)))


@remembered
def targets(snapshot: Snapshot) -> tuple[PassTarget, ...]:
    """Every *_pass of nginx's, none where its configuration is not known."""
    tree = snapshot.nginx_tree
    return () if isinstance(tree, Unknown) else pass_targets(tree)


def possible_addresses(snapshot: Snapshot) -> tuple[Address, ...]:
    """The addresses that variables may lead to, whether or not anybody ever asks for them."""
    return tuple(dict.fromkeys(one for target in targets(snapshot) for one in target.possible))


def targets_at(snapshot: Snapshot, address: Address) -> tuple[PassTarget, ...]:
    """Every *_pass that leads to this address."""
    return tuple(target for target in targets(snapshot) if address in _asked(target) or target.may_be(address))


def targets_named(snapshot: Snapshot, name: str) -> tuple[PassTarget, ...]:
    """Every *_pass that leads to an address which nginx's log calls so, on this host or another."""

    def leads(target: PassTarget) -> bool:
        return any(name in listening.names(snapshot, one) for one in _asked(target))

    return tuple(target for target in targets(snapshot) if leads(target))


def _asked(target: PassTarget) -> tuple[Address, ...]:
    if target.sure:
        return target.possible
    if target.upstream is None:
        return target.addresses
    return tuple(server.address for server in target.upstream.servers if server.address and not server.down)


def is_local(snapshot: Snapshot, address: Address) -> bool:
    """A unix socket, a loopback address or one of the host's own; anything else may be another machine's."""
    return is_loopback(address) or _is_own(snapshot, address)


def is_loopback(address: Address) -> bool:
    return address.is_unix or address.host == "localhost" or (address.ip is not None and address.ip.is_loopback)


def _is_own(snapshot: Snapshot, address: Address) -> bool:
    """Whether all that a name stands for is this host."""
    hosts = [addresses.address(host) for host in listening.hosts(snapshot, address)]
    own = frozenset() if isinstance(snapshot.addresses, Unknown) else snapshot.addresses.own
    return bool(hosts) and all(ip is not None and (ip.is_loopback or ip in own) for ip in hosts)


@remembered
def behind(snapshot: Snapshot, address: Address) -> Behind:
    """Listening: socket, pid, cgroup, unit. Not listening: the units that name the socket or the port."""
    socket = listening.listener(snapshot, address)
    if socket is not None:
        return Behind(address, socket, tuple(dict.fromkeys(_holders(snapshot, socket))))
    pool = fpm_of(snapshot, address)
    if pool is not None and pool.fpm.unit:
        return Behind(address, None, (pool.fpm.unit,))
    found = tuple(_candidates(snapshot, address))
    return Behind(address, None, tuple(unit.name for unit in found), sure=all(_enabled(unit) for unit in found))


def meant(snapshot: Snapshot, address: Address) -> tuple[Unit, ...]:
    """The units that are made to listen at this address, whoever holds it now."""
    pool = fpm_of(snapshot, address)
    if pool is not None:
        unit = snapshot.unit(pool.fpm.unit)
        return (unit,) if unit else ()
    return tuple(_candidates(snapshot, address))


@remembered
def displaced(snapshot: Snapshot) -> dict[str, tuple[Address, ...]]:
    """The units that are ill and made to listen where nginx passes to, whoever does now, with those addresses."""
    units = () if isinstance(snapshot.units, Unknown) else snapshot.units.values()
    ill = [unit for unit in units if unit.active_state in ("failed", "activating") or unit.masked or not unit.loaded]
    addresses = backend_addresses(snapshot) if ill else ()
    found = {unit.name: tuple(one for one in addresses if _is_meant(snapshot, unit, one)) for unit in ill}
    return {name: where for name, where in found.items() if where}


def _is_meant(snapshot: Snapshot, unit: Unit, address: Address) -> bool:
    pool = fpm_of(snapshot, address)
    return pool.fpm.unit == unit.name if pool else _names(snapshot, unit, address)


def dies_behind(snapshot: Snapshot, unit: Unit) -> Unit | None:
    """The service for whose deaths a socket unit has given up: to start that again ends as before."""
    if not unit.listens or unit.active_state != "failed":
        return None
    services = (service for name in unit.triggers if (service := snapshot.unit(name)))
    return next((service for service in services if service.active_state == "failed"), None)


def could_be_meant(unit: Unit) -> bool:
    """A service that is enabled and does not run: what it said when it did may tell where it is to listen."""
    return _enabled(unit) and unit.active_state == "inactive" and unit.type != "oneshot"


def _enabled(unit: Unit) -> bool:
    return unit.unit_file_state in ("enabled", "enabled-runtime")


@remembered
def fpm_of(snapshot: Snapshot, address: Address) -> FpmVersion | None:
    """The PHP-FPM that has a pool with this `listen`."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    if address.path:
        served = _served_paths(snapshot)
        return next((served[path] for path in listening.spellings(snapshot, address.path) if path in served), None)
    for version in versions:
        if any(_serves(snapshot, pool.listen.value or "", address) for pool in version.config.pools):
            return version
    return None


@remembered
def _served_paths(snapshot: Snapshot) -> dict[str, FpmVersion]:
    """Which PHP-FPM listens at which path, by its pools."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    every = [(pool.listen.value or "", version) for version in versions for pool in version.config.pools]
    return {listening.plain_path(listen): version for listen, version in reversed(every)}


def _serves(snapshot: Snapshot, listen: str, address: Address) -> bool:
    """Whether a pool with this `listen` accepts what is sent to this address and port."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "*"
    local = "127.0.0.1" if host == "localhost" else host
    return port == str(address.port) and (local if local != "::" else "[::]") in listening.accepting(snapshot, address)


def _holders(snapshot: Snapshot, socket: ListeningSocket) -> Iterator[str]:
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    for pid in socket.pids:
        unit = processes[pid].unit if pid in processes else None
        if unit and unit.endswith(".service") and not _SHARED.fullmatch(unit):
            yield unit


def _candidates(snapshot: Snapshot, address: Address) -> Iterator[Unit]:
    """Units that name the socket or the port; a oneshot is a job that may speak of it, never what listens there.

    Where a socket unit is to listen, it is the one: it starts its service.
    """
    units = () if isinstance(snapshot.units, Unknown) else snapshot.units.values()
    nginx = nginx_unit(snapshot)
    found = [unit for unit in units if unit is not nginx and _names(snapshot, unit, address)]
    yield from [unit for unit in found if unit.listens] or found


def _names(snapshot: Snapshot, unit: Unit, address: Address) -> bool:
    """nginx's own log lines name every backend: it is not to be asked about."""
    word = address.path if address.is_unix else str(address.port)
    pattern = re.compile(rf"(?<![\w.]){re.escape(word or '')}(?![\w.])")
    if unit.type == "oneshot" or _SHARED.fullmatch(unit.name):
        return False
    words = "\n".join((_instance(unit), unit.environment, unit.command_line, *unit.listens))
    named = bool(pattern.search(words)) or _journal_names(snapshot, unit, pattern)
    return named or bool(_mentioning(snapshot, word or "").intersection(unit.environment_files))


def _mentioning(snapshot: Snapshot, word: str) -> frozenset[str]:
    found = {} if isinstance(snapshot.mentions, Unknown) else snapshot.mentions
    return found.get(word, frozenset())


def unclaimed(snapshot: Snapshot) -> tuple[str, ...]:
    """The ports and paths of this host that nginx passes to, where nobody listens and that no unit names itself."""
    found = (behind(snapshot, address) for address in backend_addresses(snapshot))
    lost = (one.address for one in found if one.socket is None and not one.units)
    return tuple(dict.fromkeys(one.path or str(one.port) for one in lost))


def environment_files(snapshot: Snapshot) -> tuple[str, ...]:
    """The files from which services take their environment: an app's port stands there, often enough."""
    units = () if isinstance(snapshot.units, Unknown) else snapshot.units.values()
    nginx = nginx_unit(snapshot)
    return tuple(dict.fromkeys(file for unit in units if unit is not nginx for file in unit.environment_files))


def _instance(unit: Unit) -> str:
    return unit.name.partition("@")[2].removesuffix(".service")


def _journal_names(snapshot: Snapshot, unit: Unit, pattern: re.Pattern[str]) -> bool:
    if isinstance(snapshot.journal, Unknown):
        return False
    return any(line.unit == unit.name and pattern.search(line.message) for line in snapshot.journal)


def nginx_unit(snapshot: Snapshot) -> Unit | None:
    """The unit that nginx's master runs in, or would."""
    if snapshot.nginx is None or isinstance(snapshot.nginx, Unknown):
        return None
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    master = processes.get(snapshot.nginx.master or 0)
    if master and master.unit and snapshot.unit(master.unit):
        return snapshot.unit(master.unit)
    units = [] if isinstance(snapshot.units, Unknown) else list(snapshot.units.values())
    runs = re.compile(rf"(?<![\w/.-]){re.escape(snapshot.nginx.binary)}(?![\w/.-])")
    enabled = [unit for unit in units if _enabled(unit) and runs.search(unit.command_line)]
    return enabled[0] if len(enabled) == 1 else snapshot.unit("nginx.service")


def nginx_workers(snapshot: Snapshot) -> tuple[Process, ...]:
    """nginx's workers that still accept connections; those that a reload has replaced end their last requests."""
    nginx = snapshot.live_nginx
    if nginx is None or nginx.master is None or isinstance(snapshot.processes, Unknown):
        return ()
    children = (one for one in snapshot.processes.values() if one.parent == nginx.master)
    return tuple(one for one in children if "worker process" in one.title and "shutting" not in one.title)


@remembered
def web_units(snapshot: Snapshot) -> tuple[Unit, ...]:
    """nginx, every PHP-FPM with a pool that nginx passes to, and the units behind the upstreams; each once.

    Where several units could stand behind an address, none of them is meant: a person must say which.
    """
    sure = (behind(snapshot, address).unit for address in backend_addresses(snapshot))
    units = (nginx_unit(snapshot), *(snapshot.unit(name) for name in sure if name))
    return tuple({unit.name: unit for unit in units if unit}.values())


def servers_of(snapshot: Snapshot, group: str) -> tuple[Address, ...]:
    """The addresses of an upstream group's servers that are not marked `down`."""
    tree = snapshot.nginx_tree
    groups = () if isinstance(tree, Unknown) else upstreams(tree)
    every = (one for each in groups if each.name == group for one in each.servers if not one.down)
    return tuple(one.address for one in every if one.address)


def dead_groups(snapshot: Snapshot) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The upstream groups of several local servers none of which listens, each with the units behind them.

    nginx remembers for fail_timeout that all of them failed, however soon they are back; only a reload makes it forget.
    """
    tree = snapshot.nginx_tree
    groups = () if isinstance(tree, Unknown) else upstreams(tree)
    found = []
    for group in groups:
        asked = [one for one in group.servers if not one.down]
        servers = [behind(snapshot, one.address) for one in asked if one.address and is_local(snapshot, one.address)]
        if len(servers) == len(asked) > 1 and not any(one.socket for one in servers):
            found.append((group.name, tuple(one.unit for one in servers if one.unit)))
    return tuple(found)
