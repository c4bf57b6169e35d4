"""A host: where it is, how to log in, how to become root there, and when it counts as healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from remediations.health_settings import HealthSettings
from remediations.secret import Secret

ConnectionKind: TypeAlias = Literal["ssh", "local"]
HostKeyChecking: TypeAlias = Literal["yes", "accept-new", "no"]


@dataclass(frozen=True)
class Host:
    """`name` is what people say, `address` what ssh dials; None everywhere means: ssh_config or its default decides.

    `become` True means `sudo -n` (or `become_password`) where the login is not root. `jump` is ssh's ProxyJump: hops
    joined by commas, or `none`, which overrides ssh_config. `health` None means that the inventory says nothing.
    `groups` are all that hold the host, near and far, without `all`. `vars` are all merged variables, unknown
    ones too.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    connection: ConnectionKind = "ssh"
    private_key_file: Path | None = None
    jump: str | None = None
    known_hosts_files: tuple[Path, ...] = ()
    host_key_checking: HostKeyChecking | None = None
    become: bool = True
    become_user: str = "root"
    become_password: Secret | None = None
    health: HealthSettings | None = None
    groups: tuple[str, ...] = ()
    # Not in repr: a variable that we do not know may hold a password.
    vars: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)
