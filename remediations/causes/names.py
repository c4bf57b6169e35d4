"""Names: nginx asks a resolver that does not answer, or holds on to an address that a name has no longer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations import health
from remediations.editors.nginx_address import Address, parse_address
from remediations.facts import addresses
from remediations.facts.base import Unknown
from remediations.facts.resolvers import SECONDS
from remediations.findings import Evidence, Finding
from remediations.host import lookups, topology
from remediations.nginx import complaints
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

_UNREACHED = re.compile(
    r"connect\(\) (?:to \S+ )?failed \((?:111|113|101|110): |upstream timed out \(110: .* while connecting to"
)


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One a name or resolver."""
    yield from _silent_resolvers(snapshot)
    yield from {finding.subject: finding for _, finding in _stale(snapshot)}.values()


def outdated(snapshot: Snapshot) -> set[str]:
    """The addresses, as nginx's log has them, that no longer are what their names stand for."""
    return {tried for tried, _ in _stale(snapshot)}


def _silent_resolvers(snapshot: Snapshot) -> Iterator[Finding]:
    """nginx itself says so after resolver_timeout only, which is 30 s where nothing else is set."""
    if isinstance(snapshot.resolvers, Unknown) or health.judge(snapshot.answers).ok is not False:
        return
    for asked, answers in snapshot.resolvers.items():
        if not answers and not _said(snapshot, asked.name):
            name = asked.name or "the name of a backend"
            text = f"{asked.resolver} (UDP) gives no answer to a question for {asked.name or 'the root'} in {SECONDS} s"
            yield Finding(
                "dns-failure",
                asked.name or str(asked.resolver),
                "likely",
                f"nginx asks {asked.resolver} for {name}, and nobody answers there",
                (Evidence("socket", text),),
                None,
                "Is it up, and is the way to it open: ss -lnup there, a firewall? Mend it, or name another in nginx's "
                "resolver line (such as that of /etc/resolv.conf), then nginx -t and reload. nginx itself says so "
                "only after its resolver_timeout, 30 s by default.",
            )


def _said(snapshot: Snapshot, name: str) -> bool:
    """nginx's own word is better."""
    return any(f"{name} could not be resolved" in record.message for record in complaints.fresh(snapshot))


def _stale(snapshot: Snapshot) -> Iterator[tuple[str, Finding]]:
    """nginx fails at an address that it was given by no file and that the name has no longer."""
    for record in complaints.fresh(snapshot):
        tried = parse_address(complaints.subject(record), None)
        if tried is None or tried.ip is None or not _UNREACHED.match(record.message) or _written(snapshot, tried):
            continue
        for named in _names(snapshot, tried):
            now = lookups.now(snapshot, named.host)
            if now and addresses.address(tried.host) not in now:
                yield complaints.subject(record), _moved(named, tried, tuple(map(str, now)), record)


def _written(snapshot: Snapshot, tried: Address) -> bool:
    """An address that the configuration names itself is no name's."""
    return bool(topology.targets_at(snapshot, tried))


def _names(snapshot: Snapshot, tried: Address) -> Iterator[Address]:
    """The names with that port of which nginx took no address anew; one of whose port there is none other."""
    found = [one for one in lookups.kept_names(snapshot) if one.port == tried.port]
    return iter(found) if len(found) == 1 else iter(())


def _moved(named: Address, tried: Address, now: tuple[str, ...], record: Record) -> Finding:
    return Finding(
        "dns-stale",
        named.host,
        "likely",
        f"nginx asks {tried.host} for {named.host}, which is {', '.join(now)} by now",
        (
            Evidence(f"log:{record.path}", record.text),
            Evidence("process", f"getent ahosts {named.host}: {', '.join(now)}"),
        ),
        "reload-nginx",
        f"nginx looks up the names of its files when it reads them, and never again. Where {named.host} moves often: a "
        "resolver line, and a variable in proxy_pass, have nginx look it up at run time.",
    )
