"""Resolvers: whether the DNS servers that nginx asks at run time answer at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.editors.nginx_address import Address
from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote

SECONDS = 2


@dataclass(frozen=True)
class Asked:
    """A resolver (an address and its port) and the name that it is asked for; "" is the root of all names."""

    resolver: Address
    name: str


Resolvers = Mapping[Asked, bool]
"""Whether it gave any answer."""


def fact(asked: Sequence[Asked]) -> Fact[Resolvers]:
    """All at the same time; the question is a plain one for an address, over UDP, as nginx asks it."""
    words = (quote(word) for one in asked for word in (one.resolver.host, str(one.resolver.port), _question(one.name)))
    script = f"seconds={SECONDS}\nset -- {' '.join(words)}\n{fragment('resolvers')}"
    return Fact("resolvers", script, lambda stdout: parse(stdout, asked))


def parse(stdout: bytes, asked: Sequence[Asked]) -> Resolvers | Unknown:
    """`HOST PORT BYTES`, the length of the answer."""
    rows = {(row[0], row[1]): row[2] != "0" for line in lines_of(stdout) if len(row := line.split()) == 3}
    return {one: rows[one.resolver.host, str(one.resolver.port)] for one in asked}


def _question(name: str) -> str:
    """RFC 1035, as printf takes it: a header that wants recursion, the name's labels, type A, class IN."""
    labels = [label.encode() for label in name.split(".") if label]
    name_bytes = b"".join(bytes([len(label)]) + label for label in labels)
    data = b"\x72\x65\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name_bytes + b"\x00\x00\x01\x00\x01"
    return "".join(f"\\{byte:03o}" for byte in data)
