"""Has nginx begin anew where it holds on to what was true once: servers written off, addresses of names, its groups.

Reach for it after an app was repaired and nginx still answers 502: a group whose servers have all failed is asked again
only after `fail_timeout`, and nginx forgets that at once when it reads its files anew. After a server has moved: names
are looked up when nginx reads its files, and not again. After nginx's user was given a group: workers keep those that
they were started with.

It never reloads a configuration that does not validate, and never while a server of the group does not listen: that
would only start the count anew. It never restarts nginx.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from remediations.changes import nginx
from remediations.findings import Finding
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "reload-nginx"
REASONS = {
    "no-live-upstreams": "to ask the servers of {} again",
    "socket-permission": "to have workers with all groups of their user, which {} takes",
    "dns-stale": "to look up {} anew",
}
"""By the causes that a reload cures."""


@dataclass(frozen=True)
class ReloadNginx:
    """Acts on findings alone: without one there is nothing to reload for."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        asking = [finding for finding in findings if finding.remediation == ID]
        if not asking:
            return Proposal()
        if refusals := nginx.refusals(snapshot):
            return Proposal(refusals=refusals)
        return Proposal(actions=nginx.reload_because(snapshot, ID, "; ".join(_reasons(asking))))


def _reasons(findings: Sequence[Finding]) -> Iterator[str]:
    """One a cause."""
    subjects: dict[str, list[str]] = {}
    for finding in findings:
        subjects.setdefault(finding.cause, []).append(finding.subject)
    for cause, named in subjects.items():
        yield REASONS[cause].format(", ".join(named))
