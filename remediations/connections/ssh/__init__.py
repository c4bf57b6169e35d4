"""SSH to one host: Paramiko carries the bytes, Fabric resolves what ssh_config leads elsewhere; their only importer."""

from remediations.connections.ssh import paramiko_alone  # noqa: F401 - before whatever else imports Paramiko
from remediations.connections.ssh.connection import SshConnection

__all__ = ["SshConnection"]
