"""Connecting: nginx does not get through to those it passes requests to, though they may well run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Set
from dataclasses import replace

from remediations import health
from remediations.causes import names, php_capacity
from remediations.editors.nginx_address import Address, parse_address
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.host import listening, topology
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

SAYINGS = (
    Saying(
        "selinux-denied",
        re.compile(r"connect\(\) to (?!unix:)\S+ failed \(13: Permission denied\)"),
        "the kernel forbids nginx to connect to {subject}",
        "Look who forbids it: ausearch -m avc -ts recent (then setsebool -P httpd_can_network_connect 1, if that is "
        "wanted) and ip route get to the address (a prohibit route says the same). Never setenforce 0.",
        "likely",
    ),
    Saying(
        "firewall-reject",
        re.compile(r"connect\(\) (?:to \S+ )?failed \((?:113|101): "),
        "the way to {subject} is closed: there is no route to it",
        "Is that host up, and does a firewall refuse nginx's host there? Compare nc -vz with ip route get to the "
        "address; open it with one narrow rule.",
        "likely",
    ),
    Saying(
        "firewall-drop",
        re.compile(r"upstream timed out \(110: [^)]*\) while connecting to upstream"),
        "{subject} does not answer: what nginx sends to connect is dropped, or that host is down",
        "Is that host up, and does a firewall on the way drop packets of nginx's host? ss -tn state syn-sent shows "
        "those that wait. Do not raise proxy_connect_timeout.",
        "likely",
    ),
    Saying(
        "dns-failure",
        re.compile(
            r"(?P<name>\S{1,255}) could not be resolved \((?P<why>\d+: [^)]*)\)(?! while requesting certificate)"
        ),
        "nginx cannot resolve {name} ({why})",
        "Ask the resolver that nginx's resolver line names, from this host: dig @RESOLVER {name}. Mend it or the name.",
    ),
    Saying(
        "dns-failure",
        re.compile(r"no resolver defined to resolve (?P<name>[^\s,]+)"),
        "nginx has no resolver to look up {name} at run time",
        "Add a resolver line (such as that of /etc/resolv.conf) where {name} is passed to, then nginx -t and reload.",
    ),
    Saying(
        "tls-mismatch",
        re.compile(
            r"SSL_do_handshake\(\) failed \([^)]{0,500}(?:wrong version number|packet length too long)"
            r".{0,99} while SSL handshaking to upstream"
            r"|peer closed connection in SSL handshake.{0,99} while SSL handshaking to upstream"
        ),
        "nginx speaks TLS to {subject}, which does not",
        "Pass to it with http:// instead of https://, or to the port where it speaks TLS. Never proxy_ssl_verify off.",
        "likely",
    ),
    Saying(
        "tls-mismatch",
        re.compile(r"upstream SSL certificate (?:verify error: \((?P<why>\d+:[^)]*)\)|does not match)"),
        "nginx does not trust the certificate of {subject}",
        "See the line: renew it, name its authority in proxy_ssl_trusted_certificate, or the name that it is for in "
        "proxy_ssl_name. Never proxy_ssl_verify off.",
    ),
    Saying(
        "tls-mismatch",
        re.compile(r".{0,600} while SSL handshaking to upstream"),
        "nginx and {subject} do not come to terms about TLS",
        "See the line. Alert 112: it wants to know the name: proxy_ssl_server_name on (and proxy_ssl_name). 70 or "
        "unsupported protocol: proxy_ssl_protocols has no version that it speaks. 40: no cipher in common, or it "
        "wants a certificate of nginx. Timed out: it is no TLS server. Never proxy_ssl_verify off.",
        "likely",
    ),
    Saying(
        "backlog-full",
        re.compile(r"connect\(\) to unix:\S+ failed \(11: Resource temporarily unavailable\)"),
        "the queue of {subject} is full: its workers do not keep up",
        "See why its workers are busy (their number, the database, slow scripts): a longer backlog alone cures "
        "nothing.",
    ),
    Saying(
        "no-live-upstreams",
        re.compile(complaints.WRITTEN_OFF),
        "nginx has written off every server of {subject} and asks none of them until fail_timeout is over",
        "Mend the servers first. Once they answer: systemctl reload nginx, which forgets their failures at once.",
    ),
)  # fmt: skip


REFUSED = Saying(
    "firewall-reject",
    re.compile(r"connect\(\) (?:to (?!unix:)\S+ )?failed \(111: "),
    "{subject} refuses nginx's connections",
    "Another host: is the app there down, or does its firewall refuse nginx's host? Ask there: ss -lntp. This host: "
    "somebody listens, so a firewall refuses (nft list ruleset), or it has just been started.",
    "likely",
)
"""Where nobody of this host listens, that is why; else somebody stands between."""
FILTERED = {"firewall-reject": "reject", "firewall-drop": "drop"}
"""The causes that a packet filter makes, and its word for what it does."""
YOUNG_SECONDS = 10
"""Who has been started within that may not have listened when nginx asked."""


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """What nginx's log says of connecting, where no other family knows why."""
    exhausted = {finding.subject.partition(":")[0] for finding in php_capacity.find(snapshot)}
    full = {finding.subject: finding for finding in full_queues(snapshot)}
    yield from (one for one in full.values() if _fpm_unit(snapshot, one.subject) not in exhausted)
    outdated = names.outdated(snapshot)
    known = {*outdated, *full}
    refused = (
        [] if snapshot.log_alone else list(_refused(snapshot, outdated))
    )  # of a log alone who listens is not known
    barred = {finding.subject for finding in refused}
    for finding in complaints.findings(snapshot, SAYINGS, lambda record: complaints.subject(record) not in known):
        if finding.cause != "backlog-full" or _fpm_unit(snapshot, finding.subject) not in exhausted:
            yield _forgotten(snapshot, filtered(snapshot, finding), barred)
    yield from refused


def _refused(snapshot: Snapshot, outdated: set[str]) -> Iterator[Finding]:
    """Where somebody listens, and yet nginx is refused."""
    addresses = topology.backend_addresses(snapshot)
    young = {name: since for address in addresses for name, since in _silent(snapshot, address)}

    def refused(record: Record) -> bool:
        name = complaints.subject(record)
        return name not in outdated and record.time >= young.get(name, 0)

    yield from (filtered(snapshot, one) for one in complaints.findings(snapshot, (REFUSED,), refused))


def filtered(snapshot: Snapshot, finding: Finding) -> Finding:
    """Where somebody of this host listens, no other host and no app is at fault, but this host's own packet filter."""
    address = parse_address(finding.subject, None) if finding.cause in FILTERED else None
    socket = listening.listener(snapshot, address) if address and topology.is_local(snapshot, address) else None
    if address is None or socket is None:
        return finding
    act = FILTERED[finding.cause]
    who = topology.behind(snapshot, address).unit or "somebody"
    family = "ip6" if ":" in address.host else "ip"
    return replace(
        finding,
        summary=f"this host itself {act}s what nginx sends to {address}, though {who} listens there",
        evidence=(*finding.evidence, Evidence("socket", f"{who} listens at {socket.address}")),
        advice=f"Look for the rule: nft -a list ruleset (or iptables-save) for {act} and {address.port}; ip route get "
        f"{address.host} for a route that forbids it. Let nginx through with one narrow rule before it, nft insert "
        f"rule FAMILY TABLE CHAIN {family} daddr {address.host} tcp dport {address.port} accept, and write it where "
        "the rules are kept (/etc/nftables.conf, ufw, firewalld). Never flush the ruleset; restarting the app changes "
        "nothing.",
    )


def full_queues(snapshot: Snapshot) -> Iterator[Finding]:
    """Listeners on TCP that accept too slowly: what comes then is dropped, and nginx takes it for a silent host."""
    if health.judge(snapshot.answers).ok is not False:
        return
    for address in topology.backend_addresses(snapshot):
        socket = listening.listener(snapshot, address)
        if socket and not socket.unix and 0 < socket.backlog <= socket.waiting:
            unit = topology.behind(snapshot, address).unit
            seen = f"{socket.waiting} connections wait at {socket.address}, whose queue holds {socket.backlog}"
            yield Finding(
                "backlog-full",
                str(address),
                "certain",
                f"the queue of {address} is full: {unit or 'its app'} does not accept what nginx sends",
                (Evidence("socket", seen),),
                None,
                "See what keeps its workers busy: one stuck request, the database, too few of them"
                f"{f' (journalctl -u {unit} -e)' if unit else ''}. A restart frees it for a while; a longer backlog "
                "alone cures nothing, nor does a longer timeout.",
            )


def _silent(snapshot: Snapshot, address: Address) -> Iterator[tuple[str, float]]:
    """The names of an address of this host, and until when nobody may have listened there: then that is why it refuses.

    We ask after we have looked who listens; who asked before that may have met an app that had only been started, or
    none: the process table knows whole seconds, as the log does.
    """
    socket = listening.listener(snapshot, address)
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    starts = [processes[pid].started for pid in socket.pids if pid in processes] if socket else [math.inf]
    now, last = snapshot.machine.now, max(starts, default=0)
    second = complaints.WHOLE_SECONDS
    since = last + 2 * second if last < now - YOUNG_SECONDS else max(last + second, now - second)
    yield from ((name, since) for name in listening.names(snapshot, address))


def _fpm_unit(snapshot: Snapshot, subject: str) -> str | None:
    address = parse_address(subject, None)
    fpm = topology.fpm_of(snapshot, address) if address else None
    return fpm.fpm.unit if fpm else None


def _forgotten(snapshot: Snapshot, finding: Finding, barred: Set[str]) -> Finding:
    """A group that nginx has written off and whose servers are all back, and not barred: a reload is enough."""
    if finding.cause != "no-live-upstreams" or not _back(snapshot, finding.subject, barred):
        return finding
    advice = "All its servers listen again. Find out why they had failed: nginx's log before that, and theirs."
    return replace(finding, remediation="reload-nginx", advice=advice)


def _back(snapshot: Snapshot, group: str, barred: Set[str]) -> bool:
    """All its servers listen, and nothing was said against them since, but that somebody did not listen before."""
    servers = topology.servers_of(snapshot, group)
    here = bool(servers) and all(
        topology.is_local(snapshot, one) and listening.listener(snapshot, one) for one in servers
    )
    called = {name for address in servers for name in listening.names(snapshot, address)}
    against = (one for one in complaints.recent(snapshot) if complaints.subject(one) in called)
    return here and not called & barred and all("(111: Connection refused)" in one.message for one in against)
