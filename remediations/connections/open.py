"""Which way leads to a host."""

from __future__ import annotations

import logging

from remediations.connections.base import Connection, Target, Warn

_log = logging.getLogger("remediations.connections")


def open_connection(target: Target, warn: Warn = _log.warning) -> Connection:
    """The connection to `target`; nothing is sent before its first `shell()`.

    Paramiko and Fabric (0.2 s of imports) are loaded only where SSH is asked for.
    """
    if target.connection == "local":
        from remediations.connections.local import LocalConnection

        return LocalConnection(target)
    from remediations.connections.ssh import SshConnection

    return SshConnection(target, warn)
