"""One bench from its hosts to its table."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench import contest, cores, table
from tests.bench.field import booted
from tests.lab.base import require_lab
from tests.lab.teardown import reap


def bench(rounds: int, counts: tuple[int, ...]) -> None:
    """Boots the hosts, measures, prints. The figures are ratios of one machine, so they are printed, never asserted."""
    require_lab()
    reap()
    with (
        tempfile.TemporaryDirectory(prefix="remediate-bench-") as folder,
        booted(max(counts), Path(folder)) as field,
        cores.for_clients(),
    ):
        outcomes = list(contest.hold(field, counts, rounds, _tell))
    print(table.render(outcomes))
    if not cores.divided():
        print("There is one core: hosts and clients share it, which slows both.")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
