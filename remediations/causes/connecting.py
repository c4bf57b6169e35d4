"""Connecting: nginx does not get through to those it passes requests to, though they may well run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from remediations import topology
from remediations.causes import php_capacity
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.snapshot import Snapshot

SAYINGS = (
    Saying(
        "socket-permission",
        re.compile(r"connect\(\) to unix:\S+ failed \(13: Permission denied\)"),
        "nginx may not open {subject}: its owner, group or mode, or its folder's, keep nginx out",
        "Set listen.owner, listen.group and listen.mode of its pool (or of the app) so that nginx's user may "
        "write to it, "
        "then restart that service. A chmod is lost at the next restart; chmod 777 lets every user of the host in.",
    ),
    Saying(
        "selinux-denied",
        re.compile(r"connect\(\) to (?!unix:)\S+ failed \(13: Permission denied\)"),
        "the kernel forbids nginx to connect to {subject}",
        "Look who forbids it: ausearch -m avc -ts recent (then setsebool -P httpd_can_network_connect 1, if "
        "that is wanted) "
        "and ip route get to the address (a prohibit route says the same). Never setenforce 0.",
        "likely",
    ),
    Saying(
        "firewall-reject",
        re.compile(r"connect\(\) (?:to \S+ )?failed \(113: (?:No route to host|Host is unreachable)\)"),
        "the way to {subject} is closed: no route to host",
        "Is that host up, and does a firewall refuse nginx's host there? Compare nc -vz with ip route get to "
        "the address; "
        "open it with one narrow rule.",
        "likely",
    ),
    Saying(
        "firewall-drop",
        re.compile(r"upstream timed out \(110: Connection timed out\) while connecting to upstream"),
        "{subject} does not answer: what nginx sends to connect is dropped, or that host is down",
        "Is that host up, and does a firewall on the way drop packets of nginx's host? ss -tn state syn-sent "
        "shows those that "
        "wait. Do not raise proxy_connect_timeout.",
        "likely",
    ),
    Saying(
        "dns-failure",
        re.compile(r"\]?(?P<name>[^\s\]]+) could not be resolved \((?P<why>\d+: [^)]*)\)"),
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
            r"SSL_do_handshake\(\) failed .*(?:wrong version number|packet length too long)"
            r"|peer closed connection in SSL handshake"
        ),
        "nginx speaks TLS to {subject}, which does not",
        "Pass to it with http:// instead of https://, or to the port where it speaks TLS. Never proxy_ssl_verify off.",
        "likely",
    ),
    Saying(
        "tls-mismatch",
        re.compile(r"SSL_do_handshake\(\) failed .*SSL alert number (?P<alert>112|70|40)\b"),
        "{subject} refuses nginx's TLS handshake (alert {alert})",
        "112: it wants to know the name: proxy_ssl_server_name on (and proxy_ssl_name). 70: proxy_ssl_protocols has no "
        "version that it speaks. 40: no cipher in common, or it wants a client certificate.",
    ),
    Saying(
        "tls-mismatch",
        re.compile(r"upstream SSL certificate verify error: \((?P<why>\d+:[^)]*)\)"),
        "nginx does not trust the certificate of {subject} ({why})",
        "Renew it, or name its authority in proxy_ssl_trusted_certificate. Never proxy_ssl_verify off.",
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
        re.compile(r"no live upstreams while connecting to upstream"),
        "nginx has written off every server of {subject} and asks none of them until fail_timeout is over",
        "Mend the servers first. Once they answer: systemctl reload nginx, which forgets their failures at once.",
    ),
)  # fmt: skip


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """What nginx's log says of connecting, and addresses where the wrong one listens or nobody ever will."""
    exhausted = {finding.subject.partition(":")[0] for finding in php_capacity.find(snapshot)}
    for finding in complaints.findings(snapshot, SAYINGS):
        if finding.cause != "backlog-full" or _fpm_unit(snapshot, finding.subject) not in exhausted:
            yield _forgotten(snapshot, _with_path(snapshot, finding))
    for address in topology.backend_addresses(snapshot):
        yield from mismatch(snapshot, address)


def mismatch(snapshot: Snapshot, address: Address) -> Iterator[Finding]:
    """socket-path-mismatch, address-mismatch: nobody listens there, and those who could be meant listen elsewhere."""
    if isinstance(snapshot.sockets, Unknown) or topology.listener(snapshot, address):
        return
    if address.is_unix:
        yield from _other_socket(snapshot, address)
    else:
        yield from _other_address(snapshot, address)


def _other_socket(snapshot: Snapshot, address: Address) -> Iterator[Finding]:
    if address not in topology.dead_sockets(snapshot):
        return
    live = topology.live_pool_sockets(snapshot)
    where = " and ".join(target.node.where for target in topology.targets_at(snapshot, address))
    yield Finding(
        "socket-path-mismatch",
        str(address),
        "certain",
        f"nginx passes requests to {address}, which no PHP-FPM pool of this host listens on",
        (
            Evidence(f"file:{address.path}", "No such file or directory"),
            *(Evidence("socket", f"PHP-FPM listens on {path}") for path in live),
        ),
        "fix-socket-path",
        f"It is named at {where}. No symbolic link to the old name, no old PHP.",
    )


def _other_address(snapshot: Snapshot, address: Address) -> Iterator[Finding]:
    assert not isinstance(snapshot.sockets, Unknown)
    unit = snapshot.unit(topology.behind(snapshot, address).unit or "")
    others = [one for one in snapshot.sockets if not one.unix and one.port == address.port]
    if not others or (unit and not unit.running):
        return
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    holders = [processes[pid].name for one in others for pid in one.pids if pid in processes]
    yield Finding(
        "address-mismatch",
        str(address),
        "certain",
        f"nginx passes requests to {address}, where nobody listens: on that port {others[0].address} is listened on",
        (
            Evidence("socket", f"no listener at {address}"),
            *(
                Evidence("socket", f"{', '.join(dict.fromkeys(holders)) or 'a process'} listens at {one.address}")
                for one in others
            ),
        ),
        None,
        f"Let the app listen on {address} (Node: listen(port, '127.0.0.1')), or pass requests to "
        f"{others[0].address}, then "
        "nginx -t and systemctl reload nginx. A restart of the app changes nothing.",
    )


def _fpm_unit(snapshot: Snapshot, subject: str) -> str | None:
    fpm = topology.fpm_of(snapshot, Address(path=subject.removeprefix("unix:")))
    return fpm.fpm.unit if fpm else None


def _forgotten(snapshot: Snapshot, finding: Finding) -> Finding:
    """A group that nginx has written off and whose servers are all back: a reload is enough."""
    if finding.cause != "no-live-upstreams" or not _back(snapshot, finding.subject):
        return finding
    advice = "All its servers listen again. Find out why they had failed: nginx's log before that, and theirs."
    return replace(finding, remediation="reload-nginx", advice=advice)


def _back(snapshot: Snapshot, group: str) -> bool:
    """All its servers listen, and nothing was said against them since, but that somebody did not listen before."""
    servers = topology.servers_of(snapshot, group)
    names = {str(address) for address in servers}
    against = (one for one in complaints.fresh(snapshot) if complaints.subject(one) in names)
    return all(topology.listener(snapshot, address) for address in servers) and all(
        "(111: Connection refused)" in one.text for one in against
    )


def _with_path(snapshot: Snapshot, finding: Finding) -> Finding:
    """A socket's owner, group and mode, where its finding is about them."""
    path = finding.subject.removeprefix("unix:")
    status = None if isinstance(snapshot.paths, Unknown) else snapshot.paths.get(path)
    if finding.cause != "socket-permission" or status is None or status.kind is None:
        return finding
    said = Evidence(f"file:{path}", f"{status.kind}, owner {status.owner}, group {status.group}, mode {status.mode}")
    return replace(finding, evidence=(*finding.evidence, said))
