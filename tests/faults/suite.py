"""All fault tests from one command, and the table of what they found in this build."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.faults import bad_disks, machine
from tests.faults.cases import CASES, Case
from tests.faults.namespace import in_parallel
from tests.faults.undone import report, traced, walked, walks

ON_HOSTS = ("test_transaction_kills", "test_transaction_reboots", "test_transaction_meanwhile")


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
    "disk full": "disk full at 60 levels, and from AWAIT on",
    "errors": "each call fails once: ENOSPC, EIO, EROFS",
    "read-only": "the disk turns read-only at a call, and the host is booted later",
    "meddling": "somebody else writes, stops daemons, locks files, cuts power, at just one call, too",
    "sequences": "random sequences of start, confirm, abort, kill, cut, foreign edit, second run, recover",
    "undo code": "the undo code: lines and arms that ran, decisions that went both ways",
    "hosts": "tests on real hosts: kills, reboots, foreign edits, clock, cut sessions",
    "controls": "negative controls: each makes the suite fail",
}


def tests(quick: bool) -> list[Test]:
    swept = [Test(case.row, case.name, partial(_swept, case)) for case in CASES if case.quick or not quick]
    return [
        *swept,
        Test("disk full", "levels", partial(_levels, quick)),
        Test("errors", "once each", partial(_refusals, quick)),
        Test("read-only", "at each call", partial(_read_only, quick)),
        Test("meddling", "in AWAIT", partial(_meddled, quick)),
        Test("sequences", "against a model", partial(_sequences, quick)),
        Test("undo code", "each way", _ways),
        *([] if quick else [Test("hosts", name, partial(_on_hosts, name)) for name in ON_HOSTS]),
    ]


def _levels(quick: bool) -> Figure:
    result = bad_disks.levels(12 if quick else 60)
    return Figure(result.steps, tuple(map(str, result.broken)))


def _refusals(quick: bool) -> Figure:
    result = bad_disks.refusals(97 if quick else 1)
    return Figure(result.steps, tuple(map(str, result.broken)))


def _read_only(quick: bool) -> Figure:
    result = bad_disks.read_only(61 if quick else 1)
    return Figure(result.steps, tuple(map(str, result.broken)))


def _meddled(quick: bool) -> Figure:
    found = in_parallel(walked, list(walks(quick=quick)), 2)
    return Figure(len(found), tuple(f"{each.name}: {broken}" for each in found for broken in each.broken))


def _sequences(quick: bool) -> Figure:
    examples, steps = machine.QUICK if quick else machine.FULL
    try:
        return Figure(machine.sequences(examples, steps))
    except AssertionError as error:
        return Figure(examples, (str(error),))


def _ways() -> Figure:
    seen = report([each.trace for each in traced()])
    _tell(f"undo code: {seen.lines} lines, {seen.arms} arms, {seen.decisions} decisions, both ways: {seen.both}")
    return Figure(seen.lines + seen.arms + seen.decisions, (*seen.never, *seen.one_way))


def _on_hosts(name: str) -> Figure:
    """One file of tests, in full; a point is a test, which may kill a hundred times."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{name}.py"]
    done = subprocess.run(words, env=os.environ | {"REMEDIATE_FAULTS": "full"}, capture_output=True, check=False)
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|error)", done.stdout.decode())}
    bad = [line for line in done.stdout.decode().splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not bad:
        bad = [done.stdout.decode()[-2000:]]
    return Figure(sum(counts.values()), tuple(bad))


def _swept(case: Case) -> Figure:
    result = case.run()
    points = result.steps + 1 if case.every == 1 else result.cuts  # ends that leave the same disk are looked at once
    return Figure(points, case.wrong(result))


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
