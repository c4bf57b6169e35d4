"""All scenarios from one command, two at a time: what was named, what was done, and who was taken for whom."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.command_line import CommandLine
from tests.lab.base import ensure_base, require_lab
from tests.lab.features import base_kind, choose
from tests.lab.lab import boot
from tests.lab.teardown import reap
from tests.scenarios.journey import Journey, replay, travel
from tests.scenarios.judgement import misses
from tests.scenarios.scenario import Scenario, every

AT_ONCE = 2
NOTHING = "nothing"


@dataclass(frozen=True)
class Row:
    """What came of one scenario; `expected` and `named` are causes, "nothing" where there is none."""

    scenario: str
    host: str
    expected: str
    named: str
    outcome: str
    misses: tuple[str, ...]
    seconds: float


def run(only: Sequence[str], as_json: bool = False) -> bool:
    """Prints the table at the end and each miss at once; did all go as it should?"""
    require_lab()
    reap()
    chosen = [one for one in every() if not only or any(words in one.name for words in only)]
    for kind in {base_kind(choose(_features(one))) for one in chosen if not one.recorded}:
        ensure_base(kind)
    began = time.monotonic()
    rows = _two_at_a_time(chosen)
    seconds = time.monotonic() - began
    print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2) if as_json else told(rows, seconds))
    return bool(rows) and not any(row.misses for row in rows)


def _two_at_a_time(chosen: Sequence[Scenario]) -> list[Row]:
    """Interrupted, it takes down the hosts that are up and begins no other."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            return list(pool.map(_take, chosen))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def told(rows: Sequence[Row], seconds: float) -> str:
    """The table, the confusion matrix and the totals."""
    return "\n".join([*table(rows), "", *confusion(rows), "", totals(rows, seconds)])


def table(rows: Iterable[Row]) -> Iterable[str]:
    yield "| scenario | host | expected | named first | outcome | seconds |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        outcome = "; ".join(("**missed**", *row.misses)) if row.misses else row.outcome
        yield f"| {row.scenario} | {row.host} | {row.expected} | {row.named} | {outcome} | {row.seconds:.1f} |"


def confusion(rows: Iterable[Row]) -> Iterable[str]:
    """The causes that were expected by those that were named first, without its columns of zeros."""
    pairs = Counter((row.expected, row.named) for row in rows)
    yield "| expected | named first | taken for another |"
    yield "|---|---|---|"
    for cause in sorted({expected for expected, _ in pairs}):
        others = (f"{named}: {count}" for (expected, named), count in pairs.items() if cause == expected != named)
        yield f"| {cause} | {pairs[cause, cause]} | {', '.join(others) or '0'} |"


def totals(rows: Sequence[Row], seconds: float) -> str:
    good = [row for row in rows if not row.misses]
    first = sum(row.expected == row.named for row in rows)
    kinds = Counter(row.outcome for row in good)
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return (
        f"{len(rows)} scenarios: {first} named right first, {len(good)} as expected in all ({what}), "
        f"after {seconds:.0f} s, {AT_ONCE} at a time."
    )


def _take(scenario: Scenario) -> Row:
    began = time.monotonic()
    try:
        seen = _journey(scenario)
        missed = misses(scenario, seen)
        named = seen.found[0].named[0] if seen.found else NOTHING
    except Exception as error:  # of a host or of the lab: the other scenarios go on, and this one is missed
        missed, named = (f"{type(error).__name__}: {error}",), "?"
    for miss in missed:
        print(f"{scenario.name}: {miss}", file=sys.stderr, flush=True)
    expected = scenario.first[0] if scenario.first else NOTHING
    host = "recorded" if scenario.recorded else scenario.variant or "plain"
    return Row(scenario.name, host, expected, named, scenario.kind, missed, time.monotonic() - began)


def _journey(scenario: Scenario) -> Journey:
    if scenario.recorded:
        return replay(scenario)
    with tempfile.TemporaryDirectory(prefix="remediate-scenario-") as folder:
        host = boot("web1", Path(folder), _features(scenario))
        try:
            return travel(host, CommandLine(Path(folder)), scenario)
        finally:
            host.stop()


def _features(scenario: Scenario) -> list[str]:
    return [word for word in scenario.variant.split(",") if word]
