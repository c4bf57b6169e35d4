"""Diagnosis: from a snapshot to findings, causes before their symptoms. Pure: the same snapshot, the same findings."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from remediations import causes, health
from remediations.editors import nginx_paths
from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_servers import Server
from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.facts.machine import Machine
from remediations.findings import Evidence, Finding
from remediations.health import Health
from remediations.host import freshness, topology
from remediations.nginx import log
from remediations.snapshot import Snapshot

# A configuration that does not parse explains a service that did not start; a dead service explains all behind it.
ORDER = (
    "disk-full",
    "inodes-full",
    "config-invalid",
    "port-conflict",
    "unit-not-found",
    "unit-masked",
    "unit-broken",
    "oom-stopped-unit",
    "memory-exhausted",
    "database-down",
    "start-limit-hit",
    "service-crashed",
    "service-stopped",
    "service-flapping",
    "reload-not-applied",
    "nginx-file-limit",
    "worker-connections",
    "socket-deleted",
    "socket-path-mismatch",
    "socket-permission",
    "selinux-denied",
    "address-mismatch",
    "app-down",
    "tls-mismatch",
    "protocol-mismatch",
    "header-too-big",
    "invalid-header",
    "worker-segfault",
    "worker-oom",
    "request-terminated",
    "php-fatal",
    "dns-failure",
    "dns-stale",
    "firewall-reject",
    "firewall-drop",
    "pool-blocked",
    "pool-exhausted",
    "backlog-full",
    "slow-upstream",
    "worker-killed",
    "stale-keepalive",
    "upstream-closed",
    "truncated-body",
    "no-live-upstreams",
    "pending-restart",
    # What visitors meet before they come to the host: its own causes explain it.
    "certificate-expired",
    "certificate-invalid",
    "cloudflare-520",
    "cloudflare-521",
    "cloudflare-522",
    "cloudflare-523",
    "cloudflare-524",
    "cloudflare-525",
    "cloudflare-526",
    "cloudflare-530",
    "alb-no-healthy-target",
    "alb-target-unhealthy",
    "path-broken",
)

NOBODY_LISTENS = ("socket-path-mismatch", "address-mismatch", "app-down")
DOES_NOT_RUN = (
    "unit-masked",
    "unit-broken",
    "start-limit-hit",
    "service-crashed",
    "service-stopped",
    "service-flapping",
)
"""What the configuration, the sockets and systemd tell of an address or a unit, whether or not anybody asks there."""
MOST_DEAF = 3
BEYOND_A_LOG = ("the site's answers", "units", "sockets", "processes", "configuration files", "other logs", "resources")

VALIDATED = re.compile(r"NOTICE: configuration file \S+ test is successful")
"""What PHP-FPM writes into its log when somebody validates its files, as we do."""

Find = Callable[[Snapshot], Iterator[Finding]]


@cache
def families() -> tuple[Find, ...]:
    """The `find` of every file in causes/."""
    names = sorted(module.name for module in pkgutil.iter_modules(causes.__path__))
    return tuple(importlib.import_module(f"{causes.__name__}.{name}").find for name in names)


def diagnose(snapshot: Snapshot) -> tuple[Finding, ...]:
    """All findings, the root cause first. A bad site without one gives `unknown` with what was seen."""
    found = [finding for find in families() for finding in find(snapshot)]
    if snapshot.log_alone:
        found = [_at_most_likely(finding) for finding in found]
    found.sort(key=lambda finding: _rank(snapshot, finding))
    if not found and health.judge(snapshot.answers).ok is False:
        return (unknown(snapshot),)
    return tuple(found)


def _at_most_likely(finding: Finding) -> Finding:
    """A line is one trace: what is certain only the host can say."""
    return replace(finding, confidence="likely") if finding.confidence == "certain" else finding


def _rank(snapshot: Snapshot, finding: Finding) -> tuple[bool, bool, int, bool]:
    """Of one cause what is merely possible comes last."""
    place = ORDER.index(finding.cause) if finding.cause in ORDER else len(ORDER)
    return finding.aside, _is_elsewhere(snapshot, finding), place, finding.confidence == "possible"


def _is_elsewhere(snapshot: Snapshot, finding: Finding) -> bool:
    """Whether only good sites pass to where nobody answers: then it is not why another one is bad."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    bad = {name for answer in answers if health.complaint(answer) for name in answer.probe.sites}
    addresses = _behind(snapshot, finding) if bad else ()
    targets = (target for address in addresses for target in topology.targets_at(snapshot, address))
    mine = [set(Server(node).literal_names) for target in targets if (node := target.node.enclosing("server"))]
    return bool(addresses) and all(names and not names & bad for names in mine)


def _behind(snapshot: Snapshot, finding: Finding) -> tuple[Address, ...]:
    """The addresses that the finding is about: its own, or those of its unit."""
    if finding.cause in NOBODY_LISTENS:
        address = parse_address(finding.subject, None)
        return (address,) if address else ()
    if finding.cause not in DOES_NOT_RUN:
        return ()
    every = topology.backend_addresses(snapshot)
    return tuple(one for one in every if finding.subject in topology.behind(snapshot, one).units)


def unknown(snapshot: Snapshot) -> Finding:
    """What was seen, for a person to think about, and what could not be looked at."""
    judged = health.judge(snapshot.answers, snapshot.unasked)
    seen = [Evidence("http", judged.summary)]
    if not isinstance(snapshot.logs, Unknown):
        ends = ((one.path, _last_line(snapshot.machine, one)) for one in snapshot.logs.values())
        seen += [Evidence(log.source(path), line) for path, line in ends if line]
    return Finding(
        "unknown",
        snapshot.host,
        "unknown",
        f"the site is bad{_missing_text(judged)} and none of the known causes fits",
        tuple(seen),
        None,
        " ".join(filter(None, (_look(judged), blind_spots(snapshot), _resources(snapshot), _deaf(snapshot)))),
    )


def _look(judged: Health) -> str:
    """Where a person must look."""
    if judged.layer in ("app", "php") and judged.status:
        return f"A person must look: the app itself has answered {judged.status}, so its own log says why."
    return "A person must look."


def _missing_text(judged: Health) -> str:
    """The text that the health check wants and that an answer, good otherwise, does not have."""
    bad = next((answer for answer in judged.answers if health.complaint(answer)), None)
    if bad is None or bad.status is None or not bad.probe.contains or not health.lacks_text(bad):
        return ""
    return f" (the text {bad.probe.contains!r} is missing from the answer of {bad.probe.url})"


def _last_line(machine: Machine, ends: Log) -> str | None:
    """How the log ends, if not with something old; a line without a time is as old as the last one that has one."""
    lines = [line for line in ends.lines if not VALIDATED.search(line)]
    times = (freshness.log_time(machine, line) for line in reversed(lines))
    last = next((time for time in times if time is not None), machine.now)
    return lines[-1] if lines and machine.now - last <= freshness.RECENT_SECONDS else None


def _deaf(snapshot: Snapshot) -> str:
    """Where nginx does not say in a file why a request failed."""
    if isinstance(snapshot.nginx_tree, Unknown):
        return ""
    heard = not isinstance(snapshot.logs, Unknown) and any(path.startswith(log.JOURNAL) for path in snapshot.logs)
    nodes = nginx_paths.deaf_logs(snapshot.nginx_tree)
    deaf = (node for node in nodes if not (heard and nginx_paths.heard_elsewhere(node)))
    logs = (f"{node.where}: error_log {' '.join(node.args)}" for node in deaf)
    return "; ".join(f"not looked at: what nginx says by {one}" for one in list(logs)[:MOST_DEAF])


def blind_spots(snapshot: Snapshot) -> str:
    """The facts that could not be had, with the reasons."""
    if snapshot.log_alone:
        return f"not looked at, since only a log was given: {', '.join(BEYOND_A_LOG)}"
    facts = ("units", "sockets", "processes", "nginx", "php", "journal", "logs", "verdicts", "answers")
    reasons = _reasons(snapshot, facts)
    if snapshot.units_left_out:
        reasons["some units"] = f"there are {snapshot.units_left_out} more than are looked at"
    return _unknown(reasons)


def _resources(snapshot: Snapshot) -> str:
    """Whether room and memory could not be looked at: of interest only where no other cause was found."""
    return "" if snapshot.log_alone else _unknown(_reasons(snapshot, ("disks", "kernel")))


def _reasons(snapshot: Snapshot, facts: Sequence[str]) -> dict[str, str]:
    return {name: fact.reason for name in facts if isinstance(fact := getattr(snapshot, name), Unknown)}


def _unknown(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"unknown: {name} ({reason})" for name, reason in reasons.items())
