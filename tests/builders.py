"""Snapshots for tests of what is pure: a host as a few files, without a host."""

from __future__ import annotations

from collections.abc import Mapping

from remediations.editors.nginx_build import Build
from remediations.facts.base import Unknown
from remediations.facts.files import HostFile
from remediations.facts.machine import Machine
from remediations.facts.nginx import NginxFiles
from remediations.facts.php import PhpFiles
from remediations.snapshot import Snapshot

MACHINE = Machine(
    hostname="web1",
    uid=0,
    now=1_800_000_000.0,
    utc_offset="+0000",
    uptime=100_000.0,
    systemd=True,
    cores=2,
    memory_total=4 << 30,
    memory_available=3 << 30,
    tools=frozenset({"unshare", "mount", "stat", "sha256sum", "base64", "curl", "ss", "systemctl"}),
)


def host_file(path: str, data: bytes, *, real_path: str | None = None, modified: float = 1_700_000_000.0) -> HostFile:
    """A root-owned file of mode 644; `real_path` where `path` is a symlink."""
    return HostFile(path, real_path or path, data, "644", 0, 0, 1, "1:1", modified, modified)


def nginx_snapshot(files: Mapping[str, bytes], *, main: str = "/etc/nginx/nginx.conf") -> Snapshot:
    """A host whose nginx reads these files; everything else about it is not known."""
    found = {path: host_file(path, data) for path, data in files.items()}
    nginx = NginxFiles("/usr/sbin/nginx", "1.22.1", main, Build(), 100, ("/etc/nginx",), found)
    nothing = Unknown("not part of this test")
    return Snapshot("web1", MACHINE, nothing, nothing, nothing, nginx, PhpFiles((), {}), found, listed=("/etc/nginx",))
