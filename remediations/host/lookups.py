"""The names that nginx passes to: when it looks them up, whom it asks, and what they stand for now."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_upstreams import PassTarget, hosts_by_variable, upstreams
from remediations.facts.addresses import IP
from remediations.facts.base import Unknown
from remediations.facts.resolvers import Asked
from remediations.host import topology
from remediations.snapshot import Snapshot

MOST_NAMES = 20
MOST_RESOLVERS = 4
DNS_PORT = 53

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def kept_names(snapshot: Snapshot) -> tuple[Address, ...]:
    """The names, with their ports, that nginx looks up when it reads its files and not again."""
    tree = snapshot.nginx_tree
    if isinstance(tree, Unknown):
        return ()
    servers = (one for group in upstreams(tree) for one in group.servers if "resolve" not in one.flags)
    found = (*(one.address for one in servers), *(target.address for target in topology.targets(snapshot)))
    return tuple(dict.fromkeys(one for one in found if one and _is_name(one.host) and not one.is_unix))


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None and not host.replace(".", "").isdigit()


def now(snapshot: Snapshot, name: str) -> tuple[IP, ...]:
    """What the host's own resolver says; nothing where it does not know, or was not asked."""
    found = () if isinstance(snapshot.names, Unknown) else snapshot.names.get(name, ())
    return () if isinstance(found, Unknown) else found


def to_ask(snapshot: Snapshot) -> tuple[Asked, ...]:
    """The resolvers that nginx asks at run time, each for one name that it needs."""
    found = {one.resolver: one for target in topology.targets(snapshot) for one in _asked(target)}
    return tuple(found.values())[:MOST_RESOLVERS]


def _asked(target: PassTarget) -> Iterator[Asked]:
    """For a name that is written down, else for any: a variable that leads to addresses or groups needs none."""
    if not target.variable or (target.sure and all(one.is_literal for one in target.possible)):
        return
    hosts = hosts_by_variable(target)
    names = [host for host in hosts if _is_name(host) and host not in target.candidates]
    if not names and all("$" not in host for host in hosts):
        return
    for line in effective(target.node, "resolver").nodes[:1]:
        for word in line.args:
            resolver = None if "=" in word else parse_address(word, DNS_PORT)
            if resolver and resolver.ip and resolver.port:
                yield Asked(resolver, names[0] if names else "")
