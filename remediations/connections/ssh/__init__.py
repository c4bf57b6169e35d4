"""SSH to one host: Fabric resolves and opens, Paramiko carries the bytes; the only importer of both."""

from remediations.connections.ssh import paramiko_alone  # noqa: F401 - before whatever else imports Paramiko
from remediations.connections.ssh.connection import SshConnection

__all__ = ["SshConnection"]
