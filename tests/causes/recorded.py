"""Real answers of real hosts, recorded once and diagnosed again without a host.

`python -m tests.causes.recorded [FAULT ...]` records them anew; without a name all, and the healthy host.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from remediations import first_facts, gather
from remediations.connections.open import open_connection
from remediations.facts.base import Answer, Fact
from remediations.health_settings import DERIVED
from remediations.snapshot import Snapshot

FOLDER = Path(__file__).parent / "recorded"


@dataclass
class Recorder:
    """Asks a real host and keeps every answer."""

    ask: gather.Ask
    trips: list[Mapping[str, Answer]] = field(default_factory=list)

    def __call__(self, facts: Sequence[Fact[object]], beside: Sequence[Fact[object]]) -> Mapping[str, Answer]:
        self.trips.append(self.ask(facts, beside))
        return self.trips[-1]

    def save(self, name: str) -> None:
        trips = [
            {fact: [one.exit_code, one.stdout.decode("latin-1")] for fact, one in trip.items()} for trip in self.trips
        ]
        (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(trips).encode(), mtime=0))


@dataclass
class Player:
    """Gives the recorded answers in their order."""

    trips: list[dict[str, list[object]]]

    def __call__(self, _facts: Sequence[Fact[object]], _beside: Sequence[Fact[object]]) -> Mapping[str, Answer]:
        trip = self.trips.pop(0)
        return {name: Answer(int(str(code)), str(data).encode("latin-1")) for name, (code, data) in trip.items()}


def snapshot(name: str) -> Snapshot:
    """The host as it was when it was recorded."""
    trips = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return gather.gather_by(Player(trips), "web1", DERIVED)


def record(names: Sequence[str] = ()) -> None:
    """Breaks a lab host for each fault and records what it answers."""
    from tests.lab import faults
    from tests.lab.lab import boot
    from tests.on_host import target

    every = ("healthy", *faults.FAULTS)
    if unknown := set(names) - set(every):
        raise SystemExit(f"no such fault: {', '.join(sorted(unknown))}; there are: {', '.join(every)}")
    for name in names or every:
        with tempfile.TemporaryDirectory() as folder:
            host = boot("web1", Path(folder), faults.needs(name))
            try:
                if name != "healthy":
                    faults.FAULTS[name](host)
                    host.get("shop.example", "/")
                with open_connection(target(host)).shell() as shell:
                    recorder = Recorder(partial(first_facts.ask, shell))
                    gather.gather_by(recorder, "web1", DERIVED)
                    recorder.save(name)
            finally:
                host.stop()
        print(name)


if __name__ == "__main__":
    record(sys.argv[1:])
