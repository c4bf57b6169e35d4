"""Who listens where on a host, however the address is spelled: by nginx, by ss, by its log."""

from __future__ import annotations

import re
from dataclasses import replace

from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.sockets import ListeningSocket
from remediations.host.remembered import remembered
from remediations.snapshot import Snapshot


def listener(snapshot: Snapshot, address: Address) -> ListeningSocket | None:
    """The socket that accepts what is sent to this address."""
    if isinstance(snapshot.sockets, Unknown):
        return None
    if address.is_unix:
        paths, known = spellings(snapshot, address.path or ""), _by_path(snapshot)
        return next((known[path] for path in paths if path in known), None)
    return next((one for one in same_port(snapshot, address) if _host(one) in accepting(snapshot, address)), None)


@remembered
def _by_path(snapshot: Snapshot) -> dict[str, ListeningSocket]:
    sockets = () if isinstance(snapshot.sockets, Unknown) else snapshot.sockets
    return {plain_path(one.address): one for one in reversed(sockets) if one.unix}


@remembered
def _by_port(snapshot: Snapshot) -> dict[int | None, tuple[ListeningSocket, ...]]:
    found: dict[int | None, tuple[ListeningSocket, ...]] = {}
    for one in () if isinstance(snapshot.sockets, Unknown) else snapshot.sockets:
        if not one.unix:
            found[one.port] = (*found.get(one.port, ()), one)
    return found


def same_port(snapshot: Snapshot, address: Address) -> tuple[ListeningSocket, ...]:
    """Who listens on that port of whatever address of this host."""
    return _by_port(snapshot).get(address.port, ())


def hosts(snapshot: Snapshot, address: Address) -> tuple[str, ...]:
    """What nginx connects to where it is told this address: itself, or the addresses of the name as far as known.

    `localhost` is ::1, too, on hosts that have more of IPv6 than that: elsewhere no program is given it.
    """
    if address.ip is not None:
        return (str(address.ip),)
    looked_up = {} if isinstance(snapshot.names, Unknown) else snapshot.names
    now = looked_up.get(address.host)
    if isinstance(now, tuple) and now:
        return tuple(map(str, now))
    if address.host == "localhost":
        return ("127.0.0.1", "::1")
    names = {} if isinstance(snapshot.addresses, Unknown) else snapshot.addresses.names
    return tuple(map(str, names.get(address.host.lower(), ())))


def accepting(snapshot: Snapshot, address: Address) -> set[str]:
    """The hosts, as ss prints them, on which somebody accepts what is sent to this address: `[::]` is IPv6 alone."""
    asked = {address.host, *hosts(snapshot, address)}
    four = any(":" not in host for host in asked)
    six = any(":" in host for host in asked)
    return asked | {"*", "::"} | ({"0.0.0.0"} if four else set()) | ({"[::]"} if six else set())  # noqa: S104 - what ss prints; nothing is bound


def spellings(snapshot: Snapshot, path: str) -> set[str]:
    """The path and where it leads: Debian has /run/php/php-fpm.sock for whatever version is the default."""
    status = None if isinstance(snapshot.paths, Unknown) else snapshot.paths.get(path)
    return {plain_path(path), plain_path((status.real if status else "") or path)}


def names(snapshot: Snapshot, address: Address) -> set[str]:
    """How nginx may name this address in its log: a name's own addresses."""
    found = () if address.is_unix else hosts(snapshot, address)
    return {str(address), *(str(replace(address, host=host)) for host in found)}


def plain_path(path: str) -> str:
    """The path as it is compared: /var/run is a link to /run wherever systemd boots, and a slash as good as two."""
    path = re.sub(r"/+", "/", path)
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


def _host(socket: ListeningSocket) -> str:
    host = socket.address.rpartition(":")[0].partition("%")[0]
    return host if host == "[::]" else host.strip("[]")
