"""Listening sockets: address or path, queue lengths and the processes that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, lines_of

MAX_BYTES = 4 * 1024 * 1024

_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class ListeningSocket:
    """`address` is `host:port` as ss prints it or the path of a unix socket.

    `waiting` connections of at most `backlog` are not yet accepted. `pids` is empty where ss may not see them.
    """

    address: str
    unix: bool
    waiting: int
    backlog: int
    pids: tuple[int, ...]

    @property
    def port(self) -> int | None:
        tail = self.address.rpartition(":")[2]
        return None if self.unix or not _PORT.fullmatch(tail) else int(tail)


Sockets = tuple[ListeningSocket, ...]

SCRIPT = """
command -v ss >/dev/null 2>&1 || { echo 'ss is not installed (iproute2)'; exit 3; }
ss -H -lntp && ss -H -lxp
"""


def parse(stdout: bytes) -> Sockets | Unknown:
    """ss -H lines; `-lnt` has the state first, `-lx` the kind of socket before it."""
    return tuple(socket for line in lines_of(stdout) if (socket := _socket(line)))


def _socket(line: str) -> ListeningSocket | None:
    words = line.split()
    unix = bool(words) and words[0].startswith("u_")
    words = words[1:] if unix else words
    if len(words) < 4 or words[0] != "LISTEN":
        return None
    pids = tuple(sorted({int(pid) for pid in re.findall(r"pid=(\d+)", line)}))
    return ListeningSocket(words[3], unix, int(words[1]), int(words[2]), pids)


FACT: Fact[Sockets] = Fact("sockets", SCRIPT, parse, most=MAX_BYTES)
