"""Whatever bytes a host's facts are made of, a run ends with a report: never with a bug of ours, never raw."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediations import library, runner, work
from remediations.connections.base import MAX_ANSWER_BYTES, CommandResult, Target
from remediations.connections.framing import Frame
from remediations.health_settings import DERIVED
from remediations.looking import Options
from remediations.playbook import load_playbook
from remediations.progress import silent
from remediations.report import json as json_report
from remediations.report import text
from remediations.report.style import Style
from remediations.result import HostResult
from remediations.runner import Journey
from tests import contract
from tests.hostile.conftest import raw
from tests.hostile.host import Host
from tests.hostile.script import Script

RUN = "20261122T130500Z-7f3a9c"
SEEDS = int(os.environ.get("HOSTILE_SEEDS", "60"))
"""For each fault; more of them find more: HOSTILE_SEEDS=1000."""
FAULTS = (
    "healthy", "service-stopped", "config-invalid", "pool-exhausted", "apps-stopped", "start-limit-hit",
    "socket-deleted",
)  # fmt: skip
TOKENS = (
    b"\n", b" ", b"\0", b"\xff", b"\x1b[2J", b"\xe2\x80\xa8", b"\x85", b"-1", b"9" * 30, b"9" * 5000, b"nan", b"inf",
    b"1e999", b"0", b"{", b"}", b";", b"[" * 3000, b"=", b'"', b"../", b"%s", b"$(id)", b"\\", b"files 9\n",
    b"include ", b"\xed\xa0\x80", b"\\ud800", b"/",
)  # fmt: skip


@dataclass
class Spoiler:
    """Does a few of the things to a fact that a hostile host could, the same ones for the same seed."""

    dice: random.Random

    def __call__(self, _: str, data: bytes) -> bytes:
        for _time in range(self.dice.choice((0, 0, 1, 1, 3, 30))):
            data = self._spoiled(data)
        return data

    def _spoiled(self, data: bytes) -> bytes:
        at = self.dice.randrange(len(data) + 1)
        to = min(len(data), at + self.dice.choice((0, 1, 5, 50)))
        match self.dice.randrange(6):
            case 0:
                return data[:at]
            case 1:
                return data[:at] + data[to:]
            case 2:
                return data[:to] + data[at:]
            case 3:
                lines = data.split(b"\n")
                self.dice.shuffle(lines)
                return b"\n".join(lines)
            case 4:
                words = data.split(b" ")
                words[self.dice.randrange(len(words))] = self.dice.choice(TOKENS)
                return b" ".join(words)
        return data[:at] + self.dice.choice(TOKENS) + data[to:]


@dataclass
class Answering:
    """A Connection and its Shell: the host's answers without a way in between."""

    spoilt: Host
    host: str = "web1"

    def shell(self) -> Answering:
        return self

    def run(self, script: str, *, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> CommandResult:  # noqa: ARG002
        sent = Frame.random().wrap(script)
        return CommandResult(0, self.spoilt.answer(Script(sent.decode(errors="replace"), b"", b"")), b"")

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def journey(host: Host, folder: Path, monkeypatch: pytest.MonkeyPatch) -> HostResult:
    monkeypatch.setattr(runner, "open_connection", lambda *_: Answering(host))
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0)
    every = tuple(library.known())
    todo = work.assemble(load_playbook("502", library.known()), every, [])
    one = Journey(Target("web1", "web1"), DERIVED, todo, Options(RUN, folder), silent)
    looked = one.look()
    return one.finish() if looked.status == "planned" else looked


@pytest.mark.parametrize("fault", FAULTS)
def test_spoilt_facts_end_in_a_report(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(SEEDS):
        host = Host(fault, altered=Spoiler(random.Random(f"{fault} {seed}")))
        try:
            result = journey(host, tmp_path / str(seed), monkeypatch)
            written = json_report.render(RUN, [result], dry_run=False)
            assert not raw(text.render([result], Style(colour=False), dry_run=False))
        except Exception as error:
            raise AssertionError(f"{fault} {seed}") from error
        contract.check(json.loads(written, parse_constant=_no_json))


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
