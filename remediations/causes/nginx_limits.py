"""nginx's own limits: it has no file or connection left for a request, and answers 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from remediations import health
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.host import topology
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.nginx.log import Record
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
    said = (*complaints.findings(snapshot, SAYINGS, records=_of_no_request(snapshot)),
            *complaints.findings(snapshot, SAYINGS))  # fmt: skip
    newest = {finding.cause: finding for finding in said}
    yield from (replace(finding, subject=unit.name if unit else "nginx") for finding in newest.values())


def _of_no_request(snapshot: Snapshot) -> Iterator[Record]:
    """What it said meanwhile of connections that it could not take: of no request yet, and who asked has no answer."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    if any(answer.status is None and health.complaint(answer) for answer in answers):
        since = snapshot.machine.now - complaints.WHOLE_SECONDS
        yield from (one for one in complaints.recent(snapshot) if not one.sites and one.time >= since)
