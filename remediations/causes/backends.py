"""Backends: nobody listens where nginx passes to, or somebody elsewhere, though no unit is down that should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from remediations.causes import services, units
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.sockets import ListeningSocket
from remediations.facts.units import Unit
from remediations.findings import Evidence, Finding
from remediations.host import listening, topology
from remediations.host.remembered import remembered
from remediations.host.topology import Behind
from remediations.php import pools as php_pools
from remediations.php import sockets
from remediations.snapshot import Snapshot

REACHED_AT = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what ss prints; nothing is bound
"""All addresses of a host, as ss prints them, and one of them."""

MOST_NAMED = 3
NO_APP = re.compile(
    r"(?:nginx|openresty|php[\d.]*-fpm|apache2|httpd|mariadb|mysql|postgres|redis|memcached|mongo|rabbitmq|elasticsearch|exim|postfix|dovecot|bind"
    r"|named|unbound|cups|chrony|prometheus|node.exporter|ntp)"
)


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding an address on this host, at most. Where its one unit is down, that unit's own cause speaks."""
    if isinstance(snapshot.sockets, Unknown):
        return
    told = {one.subject for one in units.find(snapshot)}
    missing = units.missing(snapshot)
    for address in topology.backend_addresses(snapshot):
        found = topology.behind(snapshot, address)
        unit = snapshot.unit(found.unit or "")
        explained = address in missing or (unit is None and len(found.units) == 1 and told.issuperset(found.units))
        runs = unit is None or (unit.running and not services.dies_later(snapshot, unit))
        if found.socket is None and not explained and runs:
            finding = _elsewhere(snapshot, found) or _down(snapshot, found, unit)
            if finding:
                yield finding


def _down(snapshot: Snapshot, found: Behind, unit: Unit | None) -> Finding | None:
    summary = f"nginx passes requests to {found.address}, and nobody listens there"
    evidence = _evidence(snapshot, found, unit)
    return Finding("app-down", str(found.address), "certain", summary, evidence, None, _advice(snapshot, found, unit))


def _elsewhere(snapshot: Snapshot, found: Behind) -> Finding | None:
    """Those who are to answer run, and listen somewhere else."""
    other = _other_socket(snapshot, found.address) if found.address.is_unix else _other_address(snapshot, found)
    return other or _other_pool(snapshot, found)


def _other_pool(snapshot: Snapshot, found: Behind) -> Finding | None:
    """A pool of PHP-FPM listens, and nginx passes nothing to it: one of the two was moved without the other."""
    address, targets = found.address, topology.targets_at(snapshot, found.address)
    pools = () if isinstance(snapshot.fpm_versions, Unknown) else php_pools.every(snapshot.fpm_versions)
    asked = php_pools.passed_to(snapshot, pools)
    idle = [str(at.pool.listen.value) for at in pools if at not in asked and php_pools.listener(snapshot, at)]
    if found.units or not idle or {target.scheme for target in targets} != {"fastcgi"}:
        return None
    places = " or ".join(f"unix:{one}" if one.startswith("/") else one for one in idle)
    where = " and ".join(target.node.where for target in targets)
    return Finding(
        "socket-path-mismatch" if address.is_unix else "address-mismatch",
        str(address),
        "likely",
        f"nginx passes requests to {address}, where nobody listens; PHP-FPM does at {places}, unasked",
        (
            Evidence("socket", f"no listener at {address}"),
            *(Evidence("socket", f"PHP-FPM listens on {one}") for one in idle),
        ),
        None,
        f"Is that the pool that is meant at {where}? Then pass to it there; nginx -t and systemctl reload nginx. Else "
        f"let the right pool listen at {address}.",
    )


def _other_socket(snapshot: Snapshot, address: Address) -> Finding | None:
    if address not in sockets.dead_sockets(snapshot):
        return None
    live, twin = sockets.live_pool_sockets(snapshot), sockets.twin_socket(snapshot, address)
    named = sockets.naming(snapshot, address) or [each.node for each in topology.targets_at(snapshot, address)]
    where = " and ".join(node.where for node in named)
    advice = f"It is named at {where}. " + (
        "No symbolic link to the old name, no old PHP."
        if twin
        else "Bring its pool back, or point nginx at the pool that is meant, which may be another user's: --only "
        "fix-socket-path --set fix-socket-path.socket=PATH."
    )
    return Finding(
        "socket-path-mismatch",
        str(address),
        "certain" if twin else "likely",
        f"nginx passes requests to {address}, which no PHP-FPM pool of this host listens on",
        (
            Evidence(f"file:{address.path}", "No such file or directory"),
            *(Evidence("socket", f"PHP-FPM listens on {path}") for path in live),
        ),
        "fix-socket-path" if twin else None,
        advice,
    )


def _other_address(snapshot: Snapshot, found: Behind) -> Finding | None:
    """The unit that is to listen there runs, and listens on that port of another address."""
    address, names = found.address, found.units
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    running = all((unit := snapshot.unit(name)) and unit.running for name in names)
    held = [
        one
        for one in listening.same_port(snapshot, address)
        if any(pid in processes and processes[pid].unit in names for pid in one.pids)
    ]
    if not held or not running:
        return None
    return Finding(
        "address-mismatch",
        str(address),
        "certain",
        f"nginx passes requests to {address}, where nobody listens: {names[0]} listens on {held[0].address}",
        (
            Evidence("socket", f"no listener at {_asked(snapshot, address)}"),
            *(Evidence("socket", f"{', '.join(names)} listens at {one.address}") for one in held),
        ),
        None,
        f"Let the app listen on {_asked(snapshot, address)} (Node: listen(port, '127.0.0.1')), or pass requests to "
        f"{_to_pass(held[0])}, then nginx -t and systemctl reload nginx. A restart of the app changes nothing.",
    )


def _asked(snapshot: Snapshot, address: Address) -> str:
    """Where nginx connects, a name's addresses in its place."""
    found = [replace(address, host=host) for host in listening.hosts(snapshot, address)]
    return " and ".join(map(str, found or [address]))


def _to_pass(socket: ListeningSocket) -> str:
    """Where this host itself reaches who listens there."""
    host, _, port = socket.address.rpartition(":")
    return f"{REACHED_AT.get(host, host)}:{port}"


def _evidence(snapshot: Snapshot, found: Behind, unit: Unit | None) -> tuple[Evidence, ...]:
    nobody = Evidence("socket", f"no listener at {found.address}")
    state = (Evidence(f"unit:{unit.name}", f"{unit.active_state}/{unit.sub_state}"),) if unit else ()
    others = listening.same_port(snapshot, found.address) if found.address.port else ()
    return (nobody, *state, *(Evidence("socket", f"somebody else listens at {one.address}") for one in others))


def _advice(snapshot: Snapshot, found: Behind, unit: Unit | None) -> str:
    if isinstance(snapshot.units, Unknown):
        return (
            f"Start what is to listen there by its own manager, its crash log first (units: {snapshot.units.reason})."
        )
    if unit:
        return (
            f"{unit.name} runs but does not listen at {found.address}: it is still starting, or listens elsewhere; see "
            f"journalctl -u {unit.name} -e and ss -lntp. Do not raise timeouts."
        )
    if found.units:
        return f"{', '.join(found.units)} could be meant, so nothing was started: start the right one by name."
    return (
        f"No unit of this host names {found.address}: start the app with its own manager, its crash log first."
        f"{_could_be(snapshot)}"
    )


@remembered
def _could_be(snapshot: Snapshot) -> str:
    """Who died, of whom nobody knows where they are to listen; who listens and is asked by nobody: a port mistyped."""
    dead = [unit.name for unit in _enabled_services(snapshot) if unit.active_state == "failed" or unit.flapping]
    hints = f" Dead, and maybe meant: {', '.join(dead[:MOST_NAMED])} (journalctl -u {dead[0]} -e)." if dead else ""
    idle = [f"{unit} at {place}" for unit, place in sorted(_unasked(snapshot))]
    return hints + (f" nginx asks nothing of {', '.join(idle[:MOST_NAMED])}: is the port right?" if idle else "")


def _enabled_services(snapshot: Snapshot) -> Iterator[Unit]:
    units = () if isinstance(snapshot.units, Unknown) else snapshot.units.values()
    yield from (one for one in units if one.type != "oneshot" and one.unit_file_state == "enabled")


def _unasked(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """The services with a program of their own that listen on loopback alone where nginx passes nothing to."""
    sockets = () if isinstance(snapshot.sockets, Unknown) else snapshot.sockets
    asked = [listening.listener(snapshot, address) for address in topology.backend_addresses(snapshot)]
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    for one in sockets:
        if not one.unix and one.address.startswith(("127.0.0.1:", "[::1]:")) and one not in asked:
            units = {unit for pid in one.pids if pid in processes and (unit := processes[pid].unit)}
            yield from ((unit, one.address) for unit in units if _is_app(unit))


def _is_app(unit: str) -> bool:
    """No database, mail or other known service, which listens on loopback for others than nginx."""
    return unit.endswith(".service") and not topology.runs_others(unit) and not NO_APP.match(unit)
