"""Cloudflare's address ranges, from the dated copy beside this file."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

_COPY = Path(__file__).parent / "cloudflare_ips.txt"


@cache
def ranges() -> tuple[IPv4Network | IPv6Network, ...]:
    lines = _COPY.read_text(encoding="utf-8").splitlines()
    return tuple(ip_network(line) for line in lines if line and not line.startswith("#"))


def holds(address: IPv4Address | IPv6Address) -> bool:
    """Whether Cloudflare's edge speaks from this address."""
    return any(address in each for each in ranges())
