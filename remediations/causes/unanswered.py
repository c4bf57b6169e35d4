"""Unanswered: nginx still waits for the answer to a connect, and has said nothing of it yet.

It says so only after proxy_connect_timeout, 60 s where nobody says otherwise; we hang up before that.
"""

from __future__ import annotations

from collections.abc import Iterator

from remediations.causes import connecting, names
from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_servers import Server
from remediations.editors.nginx_tree import Node
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, Probe
from remediations.findings import Evidence, Finding
from remediations.host import topology
from remediations.nginx import complaints
from remediations.snapshot import Snapshot

(DROPPED,) = (saying for saying in connecting.SAYINGS if saying.cause == "firewall-drop")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """firewall-drop, once an address of which nobody says more."""
    said = {complaints.subject(record) for record in complaints.fresh(snapshot)}
    full = {finding.subject for finding in connecting.full_queues(snapshot)}
    known = {*said, *full, *names.outdated(snapshot)}
    for address, answer in {address: answer for answer, address in waits(snapshot)}.items():
        if str(address) not in known:
            yield connecting.filtered(snapshot, _dropped(address, answer))


def waits(snapshot: Snapshot) -> Iterator[tuple[HttpAnswer, Address]]:
    """The sites that hang, each with the addresses that its requests are passed to and that answer no connect."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    for answer in answers:
        for peer in answer.unreached:
            address = parse_address(peer, None)
            targets = topology.targets_named(snapshot, peer)
            if address and any(_of_site(target.node, answer.probe) for target in targets):
                yield answer, address


def _of_site(node: Node, probe: Probe) -> bool:
    """Whether it stands in a server of that name, or in one that has no name of its own."""
    around = (Server(each) for each in node.ancestors() if each.name == "server")
    called = {name.lower() for server in around for name in server.literal_names}
    return not called or bool(called & probe.sites)


def _dropped(address: Address, answer: HttpAnswer) -> Finding:
    seen = f"nginx's SYN to {address} had no answer after two seconds; {answer.probe.url}: {answer.failure}"
    return Finding(
        "firewall-drop",
        str(address),
        "likely",
        DROPPED.summary.format(subject=address),
        (Evidence("socket", seen),),
        None,
        DROPPED.advice,
    )
