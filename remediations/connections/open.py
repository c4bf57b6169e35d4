"""Which way leads to a host."""

from __future__ import annotations

import logging

from remediations.connections.base import Connection, Target, Warn
from remediations.connections.head_start import HeadStart

_log = logging.getLogger("remediations.connections")


def open_connection(target: Target, warn: Warn = _log.warning, head_start: HeadStart | None = None) -> Connection:
    """The connection to `target`; nothing is sent before its first `shell()` but what `head_start` does.

    Paramiko (and Fabric, where ssh_config asks for it) is loaded only where SSH is asked for.
    """
    if target.connection == "local":
        from remediations.connections.local import LocalConnection

        return LocalConnection(target)
    from remediations.connections.ssh import SshConnection

    return SshConnection(target, warn, head_start)
