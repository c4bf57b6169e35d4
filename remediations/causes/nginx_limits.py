"""nginx's own limits: it has no file or connection left for a request, and answers 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from remediations.findings import Finding
from remediations.host import topology
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.snapshot import Snapshot

SAYINGS = (
    Saying(
        "nginx-file-limit",
        re.compile(r"\w{1,20}\(\)(?: (?:to )?\S{1,500})? failed \(24: "),
        "nginx's workers may not open any more files or sockets",
        "See what holds them, too: ls -l /proc/PID/fd of a worker. A number that only grows is a leak.",
        remediation="raise-nginx-limits",
    ),
    Saying(
        "worker-connections",
        re.compile(r"(?P<limit>\d{1,9}) worker_connections are not enough"),
        "nginx's workers have all their {limit} connections in use; a proxied request needs two",
        "A flood of requests or a slow backend eats any number: see the access log, too.",
        remediation="raise-nginx-limits",
    ),
)  # fmt: skip


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding for each limit that nginx says it has reached, whatever the request was for."""
    unit = topology.nginx_unit(snapshot)
    newest = {finding.cause: finding for finding in complaints.findings(snapshot, SAYINGS)}
    yield from (replace(finding, subject=unit.name if unit else "nginx") for finding in newest.values())
