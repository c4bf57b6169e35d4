"""What PHP-FPM's workers do: how far each gets in a moment, what it waits in, and whom it is connected to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

MOST_WORKERS, MOST_GROUPS = 500, 32
MAX_BYTES = 4 * 1024 * 1024
TICKS = 100.0
"""Of processor time in a second, as Linux counts them for everybody."""
IDLE_SHARE = 0.1
"""Who takes less of a core than that does not compute."""

_STAT = re.compile(r"[0-9]+ \(.{0,64}\) ([A-Z]) (.*)")
_PID = re.compile(r"pid=([0-9]+)")


@dataclass(frozen=True)
class Work:
    """What one worker did for `seconds`: `busy` seconds of processor time, `moved` if it left its wait meanwhile.

    `wait` is the kernel's word for what it sleeps in, "" where it does not say. `connections` are the names of both
    ends, its own (of a request: the pool's socket) first; `*` has none.
    """

    seconds: float
    busy: float
    asleep: bool
    moved: bool
    wait: str = ""
    connections: tuple[tuple[str, str], ...] = ()

    @property
    def computes(self) -> bool:
        return not self.asleep or self.busy >= IDLE_SHARE * self.seconds


Works = Mapping[int, Work]


def fact(pids: Sequence[int], maybe: Sequence[Sequence[int]] = ()) -> Fact[Works]:
    """Asked of these pids, and of each group of `maybe` where none is idle; that takes half a second."""
    groups = " ".join(",".join(map(str, group[:MOST_WORKERS])) for group in maybe[:MOST_GROUPS])
    script = f"WORKERS='{' '.join(map(str, pids[:MOST_WORKERS]))}' MAYBE='{groups}'\n{fragment('work')}"
    return Fact("work", script, parse, most=MAX_BYTES)


@dataclass
class _Look:
    """What one look showed of a process."""

    state: str = ""
    ticks: int = 0
    waits: int = -1
    wchan: str = ""


def parse(stdout: bytes) -> Works | Unknown:
    """`idle` where none was busy. Else two looks of `t UPTIME` and `p PID FILE LINE`, then `u LOCAL PEER USERS` (unix)
    and `c LOCAL PEER USERS`.
    """
    if stdout == b"idle\n":
        return {}
    times: list[float] = []
    looks: list[dict[int, _Look]] = []
    ends: dict[int, dict[tuple[str, str], None]] = {}
    for line in lines_of(stdout):
        kind, _, rest = line.partition(" ")
        if kind == "t":
            times.append(float(rest))
            looks.append({})
        elif kind == "p":
            pid, file, text = rest.split(" ", 2)
            _see(looks[-1].setdefault(int(pid), _Look()), file, text)
        elif kind in ("u", "c"):
            local, peer, users = rest.split(None, 2)
            for pid in _PID.findall(users):
                ends.setdefault(int(pid), {})[local, peer] = None
    if len(times) != 2:
        return Unknown("the workers could not be looked at twice")
    seconds = max(0.01, times[1] - times[0])
    both = looks[0].keys() & looks[1].keys()
    return {pid: _work(seconds, looks[0][pid], looks[1][pid], ends.get(pid, {})) for pid in sorted(both)}


def _see(look: _Look, file: str, text: str) -> None:
    if file == "stat" and (match := _STAT.match(text)):
        look.state, fields = match[1], match[2].split()
        look.ticks = int(fields[10]) + int(fields[11])
    elif file == "status" and text.startswith("voluntary_ctxt_switches:"):
        look.waits = int(text.split()[1])
    elif file == "wchan" and text != "0":
        look.wchan = text


def _work(seconds: float, first: _Look, second: _Look, ends: Mapping[tuple[str, str], None]) -> Work:
    return Work(
        seconds=seconds,
        busy=max(0, second.ticks - first.ticks) / TICKS,
        asleep=first.state in ("S", "D") and second.state in ("S", "D"),
        moved=first.waits != second.waits or first.waits < 0,
        wait=second.wchan,
        connections=tuple(pair for pair in ends if pair != ("*", "*")),
    )
