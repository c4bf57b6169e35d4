"""A login that no ssh_config leads elsewhere: opened as Fabric would, without loading it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping

import paramiko

from remediations.connections.head_start import SSH_PORT


class StraightConnection:
    """What a Hop needs of a Fabric connection; `ssh_config` is what stands there for this address."""

    def __init__(self, address: str, ssh_config: Mapping[str, str]) -> None:
        self.host = address
        self.port = int(ssh_config.get("port", SSH_PORT))
        self.user = ssh_config.get("user") or getpass.getuser()
        self.ssh_config = ssh_config
        self.client = paramiko.SSHClient()
        self.connect_kwargs: Mapping[str, object] = {}

    def open(self) -> None:
        """Connects and logs in; raises what Paramiko does."""
        self.client.connect(self.host, self.port, self.user, **self.connect_kwargs)  # type: ignore[arg-type]
