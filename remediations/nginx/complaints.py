"""What nginx's error log says of the present fault: of a site that is bad now, since those concerned were started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediations import freshness, health, topology
from remediations.findings import Confidence, Evidence, Finding
from remediations.nginx import log
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

RECENT_SECONDS = 15 * 60
"""What was said before that is history, however bad the site is."""
WHOLE_SECONDS = 1.0
"""A log line has no fraction of its second."""

_NAME = re.compile(r"\w+://(?P<name>unix:[^:]+|[^/]+)")


@dataclass(frozen=True)
class Saying:
    """A line that names its cause. `summary` and `advice` may use {subject} and the pattern's named groups."""

    cause: str
    pattern: re.Pattern[str]
    summary: str
    advice: str
    confidence: Confidence = "certain"
    remediation: str | None = None


def findings(snapshot: Snapshot, sayings: Sequence[Saying]) -> Iterator[Finding]:
    """One for each cause and subject, with nginx's newest line about it; the first saying that fits a line counts."""
    newest: dict[tuple[str, str], Finding] = {}
    for record in fresh(snapshot):
        finding = next(
            (_finding(saying, match, record) for saying in sayings if (match := _match(saying, record))), None
        )
        if finding:
            newest[finding.cause, finding.subject] = finding
    yield from newest.values()


def fresh(snapshot: Snapshot) -> Iterator[Record]:
    """The records that count, oldest first in each log; none while the site is good, since all are older than that."""
    if health.judge(snapshot.answers).ok is not False:
        return
    serves = freshness.nginx_serves_since(snapshot) or 0
    since = max(snapshot.machine.now - RECENT_SECONDS, serves - WHOLE_SECONDS)
    starts = {
        str(address): freshness.at(snapshot.machine, unit.served_since) - WHOLE_SECONDS
        for address in topology.backend_addresses(snapshot)
        if (unit := snapshot.unit(topology.behind(snapshot, address).unit or ""))
    }
    for record in log.records(snapshot):
        if record.time >= max(since, starts.get(subject(record), 0)):
            yield record


def subject(record: Record) -> str:
    """The address or the group that the request was passed to, as nginx's configuration names it."""
    match = _NAME.match(record.upstream or "")
    return match["name"] if match else "nginx"


def _match(saying: Saying, record: Record) -> re.Match[str] | None:
    return saying.pattern.search(record.text)


def _finding(saying: Saying, match: re.Match[str], record: Record) -> Finding:
    words = {"subject": subject(record), **match.groupdict()}
    evidence = Evidence(f"log:{record.path}", record.text)
    return Finding(
        saying.cause,
        match.groupdict().get("name") or words["subject"],
        saying.confidence,
        saying.summary.format_map(words),
        (evidence,),
        saying.remediation,
        saying.advice.format_map(words),
    )
