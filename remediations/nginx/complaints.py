"""What nginx's error log says of the present fault: of a site that is bad now, since those concerned were started."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from remediations import health
from remediations.editors.nginx_address import Address, parse_address
from remediations.facts.base import Unknown
from remediations.findings import Confidence, Evidence, Finding
from remediations.host import freshness, listening, topology
from remediations.host.remembered import remembered
from remediations.nginx import log
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

WHOLE_SECONDS = 1.0
"""A log line has no fraction of its second."""

WRITTEN_OFF = "no live upstreams while connecting to upstream"

_HUNG_UP = re.compile(
    r"(?:upstream prematurely closed (?:connection|FastCGI \w{1,10})|(?:recv|readv|writev|send)\(\) failed "
    r"\((?:104|32): [^)]*\)) while (?:reading response header from|sending request to) upstream"
)
_NAME = re.compile(r"\w+://(?P<name>unix:[^:]+|[^/]+)")


@dataclass(frozen=True)
class Saying:
    """A message that names its cause, matched from its start: what clients ask and programs print stands elsewhere.

    `summary` and `advice` may use {subject} and the pattern's named groups.
    """

    cause: str
    pattern: re.Pattern[str]
    summary: str
    advice: str
    confidence: Confidence = "certain"
    remediation: str | None = None


def findings(
    snapshot: Snapshot,
    sayings: Sequence[Saying],
    counts: Callable[[Record], bool] = lambda _: True,
    records: Iterable[Record] | None = None,
) -> Iterator[Finding]:
    """One for each cause and subject, with nginx's newest line about it; the first saying that fits a line counts.

    `records` stand in the place of the fresh ones.
    """
    newest: dict[tuple[str, str], Finding] = {}
    for record in filter(counts, fresh(snapshot) if records is None else records):
        for saying in sayings:
            if match := saying.pattern.match(record.message):
                finding = _finding(saying, match, record)
                newest[finding.cause, finding.subject] = finding
                break
    yield from newest.values()


def fresh(snapshot: Snapshot, *, of_apps: bool = False) -> Iterator[Record]:
    """The records that speak of the present fault: of a site whose answer is bad, made by nginx, right now.

    With `of_apps` those of a bad answer that an app has made, too: what PHP says comes to nginx's log by FastCGI.
    They are those of our own questions and of that time; only where these have left none, `recent` ones. That a group
    is written off says nothing: why it was, has been said before. Of a log alone all that is recent counts: nobody
    has asked the site.
    """
    yield from _fresh(snapshot, of_apps)


@remembered
def _fresh(snapshot: Snapshot, of_apps: bool) -> tuple[Record, ...]:
    if snapshot.log_alone:
        return recent(snapshot)
    bad = set(_bad_sites(snapshot, of_apps=of_apps))
    told = [(bad.intersection(record.sites), record) for record in recent(snapshot)] if bad else []
    now = snapshot.machine.now - WHOLE_SECONDS
    telling = ((sites, one) for sites, one in told if not one.message.startswith(WRITTEN_OFF))
    speaking = {site for sites, record in telling for site in sites if record.time >= now}
    return tuple(one for sites, one in told if sites and (one.time >= now or not sites & speaking))


def told(snapshot: Snapshot) -> dict[Address, bool]:
    """The addresses that variables lead to and that nginx fails to reach now; whether it says that nothing is there."""
    targets = [one for one in topology.targets(snapshot) if one.variable and not one.sure]
    found: dict[Address, bool] = {}
    for record in fresh(snapshot) if targets else ():
        address = parse_address(subject(record), None) if record.message.startswith("connect() ") else None
        if address and any(target.may_be(address) for target in targets):
            found[address] = "(2: No such file" in record.message
    return found


@remembered
def recent(snapshot: Snapshot) -> tuple[Record, ...]:
    """The records of the last 15 minutes, since nginx and the unit behind the request's address were started.

    What an nginx that is down has said before is history: now it is nginx itself that does not answer.
    """
    if snapshot.live_nginx and snapshot.live_nginx.master is None:
        return ()
    serves = freshness.nginx_serves_since(snapshot) or 0
    since = max(snapshot.machine.now - freshness.RECENT_SECONDS, serves - WHOLE_SECONDS)
    starts = {
        name: freshness.at(snapshot.machine, unit.served_since) - WHOLE_SECONDS
        for address in topology.backend_addresses(snapshot)
        if (unit := snapshot.unit(topology.behind(snapshot, address).unit or ""))
        for name in listening.names(snapshot, address)
    }
    every = (one for one in log.records(snapshot) if not one.upstream or _NAME.match(one.upstream))
    return tuple(one for one in every if one.time >= max(since, starts.get(subject(one), 0)))


def subject(record: Record) -> str:
    """The address or the group that the request was passed to, as nginx's configuration names it."""
    match = _NAME.match(record.upstream or "")
    return match["name"] if match else "nginx"


def hung_up(message: str) -> bool:
    """Whether a backend closed or reset a connection on which nginx waited for the head of an answer."""
    return _HUNG_UP.match(message) is not None


def sites_failing_now(snapshot: Snapshot) -> frozenset[str]:
    """The sites whose answer to our GETs fails this second; a group that is written off has failed before."""
    now = snapshot.machine.now - WHOLE_SECONDS
    ours = (one for one in recent(snapshot) if one.time >= now and one.method == "GET")
    said = [one for one in ours if not one.message.startswith(WRITTEN_OFF)]
    return frozenset(_bad_sites(snapshot, of_apps=False)) & {site for record in said for site in record.sites}


def _bad_sites(snapshot: Snapshot, *, of_apps: bool) -> Iterator[str]:
    """The names of the sites whose bad answer is nginx's own word, cut short or none; an app's 500 is the app's."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    for answer in answers:
        ours = answer.cut or answer.status in (None, *health.BAD_GATEWAY) or health.layer(answer) == "nginx"
        if (ours or of_apps) and health.complaint(answer):
            yield from answer.probe.sites


def _finding(saying: Saying, match: re.Match[str], record: Record) -> Finding:
    words = {"subject": subject(record), **match.groupdict()}
    evidence = Evidence(record.source, record.text)
    return Finding(
        saying.cause,
        match.groupdict().get("name") or words["subject"],
        saying.confidence,
        saying.summary.format_map(words),
        (evidence,),
        saying.remediation,
        saying.advice.format_map(words),
    )
