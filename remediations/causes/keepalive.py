"""Connections that nginx keeps to a backend and the backend has given up: nginx asks again, but not for a POST."""

from __future__ import annotations

from collections.abc import Iterator

from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_upstreams import PassTarget, Upstream, pass_targets
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.host import listening
from remediations.nginx import complaints
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

ASKED_ONCE = ("POST", "PATCH", "LOCK")
"""What nginx sends to no second server once it has begun to send it, since it may act twice."""
SEVERAL = 3
KEPT_SECONDS = 60
"""For so long nginx keeps an idle connection where nothing is said."""


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One for each group that keeps connections, where such requests failed of late, and not all that is asked."""
    tree = snapshot.nginx_tree
    bad = complaints.sites_failing_now(snapshot)
    broken = [one for one in complaints.recent(snapshot) if _is_broken(one) and not bad.intersection(one.sites)]
    targets = () if isinstance(tree, Unknown) or not broken else pass_targets(tree)
    groups = {target.upstream.name: target.upstream for target in targets if target.upstream and _keeps(target)}
    for group in groups.values():
        if told := [one for one in broken if complaints.subject(one) in _names(snapshot, group)]:
            yield _finding(group, told)


def _is_broken(record: Record) -> bool:
    return record.method in ASKED_ONCE and complaints.hung_up(record.message)


def _keeps(target: PassTarget) -> bool:
    """Whether nginx keeps connections there: the group must say so, and the language must allow it."""
    if target.upstream is None or not target.upstream.node.named("keepalive"):
        return False
    name, needed = {
        "proxy_pass": ("proxy_http_version", ("1.1", "2")),
        "fastcgi_pass": ("fastcgi_keep_conn", ("on",)),
    }.get(target.node.name, ("", ()))
    said = effective(target.node, name).nodes
    return bool(said) and said[-1].args[:1] in [(word,) for word in needed]


def _names(snapshot: Snapshot, group: Upstream) -> set[str]:
    return {name for server in group.servers if server.address for name in listening.names(snapshot, server.address)}


def _finding(group: Upstream, told: list[Record]) -> Finding:
    said = group.node.named("keepalive_timeout")
    kept = said[-1].args[0] if said and said[-1].args else f"{KEPT_SECONDS}s"
    newest = told[-1]
    return Finding(
        "stale-keepalive",
        group.name,
        "likely" if len(told) >= SEVERAL else "possible",
        f"servers of {group.name} hang up on connections that nginx has kept: {len(told)} requests that it may not "
        "send twice failed",
        (
            Evidence(f"log:{newest.path}", newest.text),
            Evidence(f"file:{group.node.file}", f"line {group.node.directive.line}: keepalive, idle for {kept}"),
        ),
        None,
        f"The app must keep an idle connection longer than nginx does ({kept}): Node's server.keepAliveTimeout is 5 s "
        "by default, gunicorn's keepalive 2 s. Or give the group a keepalive_timeout below that, then nginx -t and "
        "reload. If the app dies at just these requests, its own log says so. No proxy_next_upstream non_idempotent: "
        "what was done may be done twice.",
    )
