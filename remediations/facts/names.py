"""Names: the addresses that the host's own resolver gives for them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediations.facts import addresses
from remediations.facts.addresses import IP
from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote

SECONDS_EACH = 2
NOT_FOUND = "2"

Names = Mapping[str, tuple[IP, ...] | Unknown]
"""No address: there is no such name."""


def fact(names: Sequence[str]) -> Fact[Names]:
    """All of them are asked for at the same time."""
    script = f"seconds={SECONDS_EACH}\nset -- {' '.join(map(quote, names))}\n{fragment('names')}"
    return Fact("names", script, parse)


def parse(stdout: bytes) -> Names:
    """`NAME CODE ADDRESS…`, a line a name, with getent's exit code."""
    found: dict[str, tuple[IP, ...] | Unknown] = {}
    for name, code, *hosts in (line.split() for line in lines_of(stdout)):
        known = code in ("0", NOT_FOUND)
        ips = tuple(ip for host in hosts if (ip := addresses.address(host)))
        found[name] = ips if known else Unknown(f"{name} was not looked up within {SECONDS_EACH} s")
    return found
