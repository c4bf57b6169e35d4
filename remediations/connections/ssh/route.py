"""Which logins lead to a host: the inventory first, then ssh_config, as Fabric resolves it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fabric  # type: ignore[import-untyped]  # Fabric ships no types
import paramiko

from remediations.connections.base import Target, Warn
from remediations.connections.host_key import HostKeyCheck
from remediations.connections.ssh.hop import Hop, place
from remediations.connections.ssh_config import Jump, parse_jumps, user_and_system_text
from remediations.errors import InventoryError

CONNECT_TIMEOUT = 10.0


def route_to(target: Target, warn: Warn) -> list[Hop]:
    """All logins in order: the jump hosts', nearest first, and the host's own last.

    Fabric's own ProxyJump walks a list from its far end; OpenSSH's order is the one kept here.
    """
    connection = _resolve(target.name, target.address, target.port, target.user)
    where = f"{target.name}: connect to {place(connection.host, connection.port)}"
    jumps = parse_jumps(where, target.jump or connection.ssh_config.get("proxyjump") or "none")
    proxy = None if jumps else connection.ssh_config.get("proxycommand")
    return [*(_jump_hop(target, jump, warn) for jump in jumps), _hop(target, connection, where, proxy, warn)]


def _jump_hop(target: Target, jump: Jump, warn: Warn) -> Hop:
    connection = _resolve(target.name, jump.host, jump.port, jump.user)
    where = f"{target.name}: connect to jump host {place(connection.host, connection.port)}"
    hop = _hop(target, connection, where, connection.ssh_config.get("proxycommand"), warn)
    hop.alone = False
    return hop


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
    """Fabric's connection to `address`, not open yet, by an ssh_config that is led by what the inventory says.

    The first value wins there, so the inventory's port and user hold in %p and %r too.
    """
    ours = (f"Port {port}\n" if port else "") + (f'User "{user}"\n' if user else "")
    parsed = paramiko.SSHConfig()
    try:
        parsed.parse(io.StringIO(ours + user_and_system_text()))
        config = fabric.Config(lazy=True, ssh_config=parsed)
        connection = fabric.Connection(address, config=config, gateway=False)
    except (ValueError, KeyError, paramiko.SSHException) as error:
        raise InventoryError(f"{name}: ssh_config for {address}: {error}") from error
    connection.connect_timeout = None  # given with the other limits
    return connection
