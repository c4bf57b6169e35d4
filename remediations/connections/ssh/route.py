"""Which logins lead to a host: the inventory first, then ssh_config, resolved by Fabric where it may lead elsewhere."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paramiko

from remediations.connections.base import CONNECT_TIMEOUT, Target, Warn
from remediations.connections.dial import place
from remediations.connections.host_key import HostKeyCheck
from remediations.connections.ssh.hop import Hop
from remediations.connections.ssh.straight import StraightConnection
from remediations.connections.ssh_config import may_lead_elsewhere, parse_jumps, user_and_system_text
from remediations.errors import InventoryError


def prepare() -> None:
    """Loads Fabric, and Invoke with it, where they are needed: no two threads may enter Invoke from its two ends."""
    if may_lead_elsewhere(user_and_system_text()):
        import fabric  # type: ignore[import-untyped]  # noqa: F401 - Fabric ships no types


def route_to(target: Target, warn: Warn) -> list[Hop]:
    """All logins in order: the jump hosts', nearest first, and the host's own last.

    Fabric's own ProxyJump walks a list from its far end; OpenSSH's order is the one kept here.
    """
    connection = _resolve(target.name, target.address, target.port, target.user)
    spot = place(connection.host, connection.port)
    where = f"{target.name}: connect to {spot}"
    jumps, proxy = (target.jump, None) if target.jump else _way(connection.ssh_config)
    return [*_jump_hops(target, where, jumps, warn, frozenset({spot})), _hop(target, connection, where, proxy, warn)]


def _jump_hops(target: Target, where: str, jumps: str, warn: Warn, seen: frozenset[str]) -> list[Hop]:
    """The logins of a ProxyJump list; the first of them may by ssh_config need a jump itself."""
    hops: list[Hop] = []
    for jump in parse_jumps(where, jumps):
        connection = _resolve(target.name, jump.host, jump.port, jump.user)
        spot = place(connection.host, connection.port)
        if spot in seen:
            return []  # `Host *` with a ProxyJump speaks of the jump host too
        its_jumps, proxy = _way(connection.ssh_config)
        if not hops:
            hops += _jump_hops(target, where, its_jumps, warn, seen | {spot})
        hop = _hop(target, connection, f"{target.name}: connect to jump host {spot}", proxy, warn)
        hop.alone = False
        hops.append(hop)
    return hops


def _way(config: Mapping[str, str | None]) -> tuple[str, str | None]:
    """ssh_config's ProxyJump and ProxyCommand: the one that stands first disables the other."""
    for key, value in config.items():
        if key == "proxyjump" and value:
            return value, None
        if key == "proxycommand":
            return "none", value
    return "none", None


def _hop(target: Target, connection: Any, where: str, proxy: str | None, warn: Warn) -> Hop:
    config = connection.ssh_config
    check = HostKeyCheck(
        where=where,
        host=connection.host,
        port=connection.port,
        alias=config.get("hostkeyalias"),
        files=_known_hosts_files(target, config),
        checking=target.host_key_checking,
        warn=warn,
    )
    timeout = target.connect_timeout or float(config.get("connecttimeout", CONNECT_TIMEOUT))
    return Hop(connection, where, check, proxy, target.private_key_file, timeout, alone=True)


def _known_hosts_files(target: Target, config: Mapping[str, str]) -> tuple[Path, ...]:
    user = config.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2").split()
    system = config.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2").split()
    named = [Path(name.strip('"')).expanduser() for name in user + system if name.lower() != "none"]
    return tuple(dict.fromkeys((*target.known_hosts_files, *named)))


def _resolve(name: str, address: str, port: int | None, user: str | None) -> Any:
    """A connection to `address`, not open yet, by an ssh_config that is led by what the inventory says.

    The first value wins there, so the inventory's port and user hold in %p and %r too.
    """
    ours = (f"Port {port}\n" if port else "") + (f'User "{user}"\n' if user else "")
    text = user_and_system_text()
    parsed = paramiko.SSHConfig()
    try:
        parsed.parse(io.StringIO(ours + text))
        if may_lead_elsewhere(text):
            return _by_fabric(address, parsed)
        return StraightConnection(address, parsed.lookup(address))
    except (ValueError, KeyError, OSError, paramiko.SSHException) as error:
        raise InventoryError(f"{name}: ssh_config for {address}: {error}") from error


def _by_fabric(address: str, parsed: paramiko.SSHConfig) -> Any:
    """Fabric's, for what leads elsewhere; it brings Invoke, which Paramiko needs for `Match exec`, along."""
    import fabric
    import invoke

    paramiko.config.invoke = invoke  # type: ignore[attr-defined]  # see `paramiko_alone`
    config = fabric.Config(lazy=True, ssh_config=parsed)
    connection = fabric.Connection(address, config=config, gateway=False)
    connection.connect_timeout = None  # given with the other limits
    return connection
