"""The ends of log files, and which addresses have lately spoken to nginx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote

MAX_LOG_BYTES = 256 * 1024
MAX_ALL_BYTES = 4 * 1024 * 1024
MAX_SLOW_BYTES, MOST_SLOW_LOGS = 32 * 1024, 32
PEER_LINES = 1000


@dataclass(frozen=True)
class Log:
    """The last bytes of one log; `cut` where the cap left an earlier part out, `missing` where there is no file."""

    path: str
    data: bytes
    cut: bool
    missing: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        text = lines_of(self.data)
        return tuple(text[1:] if self.cut else text)


Logs = Mapping[str, Log]
Peers = Mapping[str, int]


def fact(paths: Sequence[str]) -> Fact[Logs]:
    """The tails of these files, each at most 256 KiB and all together at most 4 MiB."""
    return _tails("logs", paths, min(MAX_LOG_BYTES, MAX_ALL_BYTES // max(1, len(paths))))


def slow_fact(paths: Sequence[str]) -> Fact[Logs]:
    """The tails of PHP-FPM's slow logs, which may be many and long, each at most 32 KiB."""
    return _tails("slow_logs", paths[:MOST_SLOW_LOGS], MAX_SLOW_BYTES)


def _tails(name: str, paths: Sequence[str], cap: int) -> Fact[Logs]:
    script = "\n".join(f"one {quote(path)}" for path in paths)
    return Fact(
        name,
        f"MAX_LOG={cap}\n{fragment('logs')}\n{script}\n",
        lambda stdout: parse(stdout, paths),
        most=2 * MAX_ALL_BYTES,
    )


def parse(stdout: bytes, paths: Sequence[str]) -> Logs | Unknown:
    """`FLAG SIZE PATH` lines, each followed by SIZE bytes; `?` marks a log that may not be read."""
    logs, start = {}, 0
    while start < len(stdout):
        end = stdout.index(b"\n", start)
        flag, size, path = stdout[start:end].decode(errors="surrogateescape").split(" ", 2)
        if flag == "?":
            return Unknown(f"{path} may not be read by this user")
        if path not in paths or not size.isdigit():
            return Unknown("the host answers with a log that nobody asked for")
        start = end + 1 + int(size)
        logs[path] = Log(path, stdout[end + 1 : start], cut=flag == "+", missing=flag == "-")
    return logs


def peers_fact(paths: Sequence[str]) -> Fact[Peers]:
    """How many of the last 1,000 lines of each access log came from which address (the first word of a line)."""
    files = " ".join(quote(path) for path in paths)
    tails = f'for log in {files}; do [ -r "$log" ] && tail -n {PEER_LINES} -- "$log"; done'
    script = f"{tails} | awk '{{ n[$1]++ }} END {{ for (a in n) print n[a], a }}'"
    return Fact("peers", script if paths else ":", parse_peers)


def parse_peers(stdout: bytes) -> Peers | Unknown:
    rows = (line.split(" ", 1) for line in lines_of(stdout))
    return {address: int(count) for count, address in rows}
