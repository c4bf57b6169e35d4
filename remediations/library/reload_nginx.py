"""Has nginx ask servers again that it has written off: one reload, where they all answer by now.

Reach for it after an app was repaired and nginx still answers 502: a group whose servers have all failed is asked again
only after `fail_timeout`, and nginx forgets that at once when it reads its files anew.

It never reloads a configuration that does not validate, and never while a server of the group does not listen: that
would only start the count anew. It never restarts nginx.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from remediations.changes import nginx
from remediations.findings import Finding
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "reload-nginx"


@dataclass(frozen=True)
class ReloadNginx:
    """Acts on findings alone: without one there is nothing to reload for."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        groups = [finding.subject for finding in findings if finding.remediation == ID]
        if not groups:
            return Proposal()
        if refusals := nginx.refusals(snapshot):
            return Proposal(refusals=refusals)
        reason = f"to ask the servers of {', '.join(groups)} again"
        return Proposal(actions=nginx.reload_because(snapshot, ID, reason))
