"""All fault tests from one command, and the table of what they found in this build."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.faults.cases import CASES, Case


@dataclass(frozen=True)
class Figure:
    """`points`: how often something was ended, cut or failed, and looked at afterwards."""

    points: int
    broken: tuple[str, ...] = ()

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(self.points + other.points, self.broken + other.broken)


@dataclass(frozen=True)
class Test:
    """One of the things of which a row consists."""

    row: str
    name: str
    run: Callable[[], Figure]


@dataclass
class Row:
    """What came of one row of the table; `left` counts what there was no time for."""

    name: str
    figure: Figure = field(default_factory=lambda: Figure(0))
    done: int = 0
    left: int = 0
    seconds: float = 0.0


ROWS = {
    "kill": "kill -9 at every mutating call",
    "power cut": "power cut before every write: ext4 strict, default, eager, xfs",
    "elsewhere": "both, under bash and busybox sh, without exchange, without systemd",
    "controls": "negative controls: each makes the suite fail",
}


def tests(quick: bool) -> list[Test]:
    return [Test(case.row, case.name, partial(_swept, case)) for case in CASES if case.quick or not quick]


def _swept(case: Case) -> Figure:
    result = case.run()
    return Figure(result.steps + 1, case.wrong(result))


def run(only: Sequence[str], quick: bool, minutes: float | None) -> bool:
    """Prints as it goes, then the table; is nothing broken?"""
    chosen = [test for test in tests(quick) if not only or any(word in f"{test.row}: {test.name}" for word in only)]
    rows = {name: Row(name) for name in dict.fromkeys(test.row for test in chosen)}
    end = time.monotonic() + minutes * 60 if minutes else None
    for test in chosen:
        _take(test, rows[test.row], end)
    print(table(rows.values()))
    return bool(rows) and not any(row.figure.broken for row in rows.values())


def _take(test: Test, row: Row, end: float | None) -> None:
    if end is not None and time.monotonic() > end:
        row.left += 1
        return
    began = time.monotonic()
    figure = test.run()
    row.figure, row.done = row.figure + figure, row.done + 1
    row.seconds += time.monotonic() - began
    _tell(f"{test.row}: {test.name}: {figure.points} points, {len(figure.broken)} broken")
    for words in figure.broken[:20]:
        _tell(f"  {words}")


def table(rows: Iterable[Row]) -> str:
    lines = ["| test | runs | points | broken | minutes |", "|---|---|---|---|---|"]
    for row in rows:
        runs = f"{row.done}, {row.left} left out" if row.left else str(row.done)
        figures = f"{row.figure.points} | {len(row.figure.broken)} | {row.seconds / 60:.1f}"
        lines.append(f"| {ROWS[row.name]} | {runs} | {figures} |")
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
