"""The ends of log files, and which addresses have lately spoken to nginx."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote

MAX_LOG_BYTES = 256 * 1024
MAX_ALL_BYTES = 4 * 1024 * 1024
MAX_SLOW_BYTES, MOST_SLOW_LOGS = 32 * 1024, 32
RECENT_SECONDS = 15 * 60
MANY_LOGS = 100
"""Of more than these, such as one a site, the last written are read: a process each takes its time."""
PEER_LINES, MOST_PEER_LINES = 1000, 40_000

_ROTATED = re.compile(r"\.1$|-\d+$")


@dataclass(frozen=True)
class Log:
    """The last bytes of one log; `cut` where a cap left an earlier part out, `missing` where there is no file.

    What was renamed within the last minutes, by logrotate, stands before or behind it, as it was written. `held`: its
    file is deleted and its writer goes on writing to it, so that nobody else can read it.
    """

    path: str
    data: bytes
    cut: bool
    missing: bool = False
    held: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        text = lines_of(self.data)
        return tuple(text[1:] if self.cut and self.data else text)


Logs = Mapping[str, Log]
Peers = Mapping[str, int]


def fact(paths: Sequence[str], writers: Sequence[int] = ()) -> Fact[Logs]:
    """The tails of these files, each at most 256 KiB and all together at most 4 MiB, the last written before others.

    `writers` are the pids of daemons which may still write to a log that somebody has deleted.
    """
    return _tails("logs", paths, MAX_LOG_BYTES, writers)


def slow_fact(paths: Sequence[str]) -> Fact[Logs]:
    """The tails of PHP-FPM's slow logs, which may be many and long, each at most 32 KiB."""
    return _tails("slow_logs", paths[:MOST_SLOW_LOGS], MAX_SLOW_BYTES)


def _tails(name: str, paths: Sequence[str], cap: int, writers: Sequence[int] = ()) -> Fact[Logs]:
    limits = f"MAX_LOG={cap} MAX_ALL={MAX_ALL_BYTES} RECENT={RECENT_SECONDS} MANY={MANY_LOGS}"
    pids = f"PIDS='{' '.join(map(str, writers))}'"
    words = " ".join(map(quote, paths))
    return Fact(
        name,
        f"{limits} {pids}\n{fragment('logs')}\ntails {words}\n",
        lambda stdout: parse(stdout, paths),
        most=2 * MAX_ALL_BYTES,
    )


def parse(stdout: bytes, paths: Sequence[str]) -> Logs | Unknown:
    """`FLAG SIZE PATH` lines, each followed by SIZE bytes, the last written first."""
    pieces: dict[str, list[tuple[str, bytes]]] = {path: [] for path in paths}
    held: dict[str, str] = {}
    start = 0
    while start < len(stdout):
        end = stdout.index(b"\n", start)
        flag, size, path = stdout[start:end].decode(errors="surrogateescape").split(" ", 2)
        if flag == "?":
            return Unknown(f"{path} may not be read by this user")
        start = end + 1 + int(size)
        if flag == "h":
            path, _, name = path.rpartition(" ")
            held[name] = path
        log = held.get(path) or _log_of(path, pieces)
        if log not in pieces or not size.isdigit():
            return Unknown("the host answers with a log that nobody asked for")
        if flag != "h":
            pieces[log].append((flag, stdout[end + 1 : start]))
    return {path: _log(path, parts, held=path in held.values()) for path, parts in pieces.items() if parts}


def _log_of(path: str, known: Mapping[str, object]) -> str:
    """The log whose predecessor this is, by the names that logrotate gives."""
    return path if path in known else _ROTATED.sub("", path)


def _log(path: str, parts: Sequence[tuple[str, bytes]], *, held: bool) -> Log:
    """Of parts that come newest first, those before the first one that is cut: nothing is left out in their midst."""
    there = [part for part in parts if part[0] != "-"]
    ends = next((number for number, (flag, _) in enumerate(there, 1) if flag in "+c"), None)
    newest, *older = [piece for _, piece in there[:ends]] or [b""]
    data = b"".join(map(_ended, reversed(older))) + newest
    return Log(path, data, cut=ends is not None, missing=not there, held=held)


def _ended(piece: bytes) -> bytes:
    return piece if piece.endswith(b"\n") or not piece else piece + b"\n"


def peers_fact(paths: Sequence[str]) -> Fact[Peers]:
    """How many of each access log's last 1,000 lines, fewer of many logs, are of which address (their first word)."""
    files = " ".join(quote(path) for path in paths)
    lines = max(20, min(PEER_LINES, MOST_PEER_LINES // max(1, len(paths))))
    script = f"tail -q -n {lines} -- {files} 2>/dev/null | awk '{{ n[$1]++ }} END {{ for (a in n) print n[a], a }}'"
    return Fact("peers", script if paths else ":", parse_peers)


def parse_peers(stdout: bytes) -> Peers | Unknown:
    rows = (line.split(" ", 1) for line in lines_of(stdout))
    return {address: int(count) for count, address in rows}
