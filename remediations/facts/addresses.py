"""The host's own addresses, and the names that its /etc/hosts gives to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Addresses:
    """`own` without the loopback ones, which every host has; `names` are those of /etc/hosts for this host alone."""

    own: frozenset[IP]
    names: Mapping[str, tuple[IP, ...]]


def parse(stdout: bytes) -> Addresses | Unknown:
    """`own ADDRESS` lines, then `name ADDRESS NAME…` lines."""
    rows = [line.split() for line in lines_of(stdout)]
    own = frozenset(ip for row in rows if row[:1] == ["own"] for word in row[1:] if (ip := address(word)))
    names: dict[str, tuple[IP, ...]] = {}
    for row in rows:
        ip = address(row[1]) if row[:1] == ["name"] and len(row) > 2 else None
        if ip and (ip in own or ip.is_loopback):
            names |= {name.lower(): (*names.get(name.lower(), ()), ip) for name in row[2:]}
    return Addresses(own, names) if own else Unknown("no address of the host could be listed")


def address(text: str) -> IP | None:
    """An address as ip, hostname or getent print it, with or without its length or zone."""
    try:
        return ipaddress.ip_address(text.partition("/")[0].partition("%")[0])
    except ValueError:
        return None


FACT: Fact[Addresses] = Fact("addresses", fragment("addresses"), parse)
