"""Many journeys side by side: one that fails by our fault does not take the others' results with it."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from remediations.connections.base import Target
from remediations.fleet import Fleet, Interrupted
from remediations.result import HostResult, Status, worst
from remediations.runner import Journey
from tests.patience import PATIENCE, eventually, when


@dataclass
class Imitated:
    """As much of a journey as a fleet asks for."""

    name: str
    status: Status = "ok"
    bug: str | None = None
    hangs: bool = False
    """Until it is closed."""
    stays: bool = False
    """In the midst of its change, until it is told that somebody waits for it."""
    changing: bool = False
    changed: bool = False
    closed: threading.Event = field(default_factory=threading.Event)
    said: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        return Target(self.name, "127.0.0.1")

    def progress(self, _host: str, text: str) -> None:
        self.said.append(text)

    def look(self) -> HostResult:
        if self.bug:
            raise KeyError(self.bug)
        if self.hangs and self.closed.wait(PATIENCE):
            return HostResult(self.name, "unreachable", error="the connection was closed")
        return HostResult(self.name, self.status)

    def finish(self) -> HostResult:
        if self.closed.is_set():
            return HostResult(self.name, "unknown", error="the shell is gone")
        self.changing = True
        if self.stays:
            eventually(lambda: bool(self.said))
        self.changed = True
        return HostResult(self.name, "changed")

    def close(self) -> None:
        self.closed.set()


def fleet(*journeys: Imitated, forks: int = 32) -> Fleet:
    return Fleet(cast(list[Journey], list(journeys)), forks)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_bug_on_one_host_is_that_hosts_result_and_the_others_keep_theirs(tmp_path: Path) -> None:
    broken = Imitated("web2", bug="password=c4nary")
    results = fleet(Imitated("web1"), broken, Imitated("web3", "unreachable")).look()
    assert [result.status for result in results] == ["ok", "unknown", "unreachable"]
    assert worst(result.exit_code(detailed=False) for result in results) == 70
    assert "bug of ours" in (results[1].error or "")
    assert "nothing was changed" in (results[1].error or "")
    assert broken.closed.is_set()
    (log,) = (tmp_path / "remediate").glob("bug-*.log")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "KeyError" in log.read_text()
    assert "c4nary" not in log.read_text()


def test_a_bug_without_a_place_for_its_log_is_still_one_hosts_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/dev/null")
    (result,) = fleet(Imitated("web1", bug="x")).look()
    assert "could not be kept anywhere" in (result.error or "")


def test_even_a_log_that_fails_does_not_hang_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Path:
        raise RuntimeError("c0ntrived")

    monkeypatch.setattr("remediations.bugs.keep_traceback", fails)
    first, second = fleet(Imitated("web1", bug="x"), Imitated("web2")).look()
    assert (first.bug, second.status) == (True, "ok")
    assert "c0ntrived" in (first.error or "")


def test_only_what_was_planned_is_finished() -> None:
    planned, healthy, dead = Imitated("a", "planned"), Imitated("b"), Imitated("c", "unreachable")
    several = fleet(planned, healthy, dead)
    several.look()
    assert [result.status for result in several.finish()] == ["changed", "ok", "unreachable"]
    assert (planned.changed, healthy.changed, dead.changed) == (True, False, False)
    assert all(journey.closed.is_set() for journey in (planned, healthy, dead))


def test_no_more_hosts_at_a_time_than_forks() -> None:
    """Each stays until three are there, and then a little longer, so that one too many is seen as well."""
    now, most, lock, full = 0, 0, threading.Lock(), threading.Event()

    class Counted(Imitated):
        def look(self) -> HostResult:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
                if now >= 3:
                    full.set()
            assert full.wait(PATIENCE)
            time.sleep(0.05)
            with lock:
                now -= 1
            return HostResult(self.name, "ok")

    fleet(*[Counted(f"web{n}") for n in range(7)], forks=3).look()
    assert most == 3


def test_an_interruption_cuts_lookers_off_waits_for_changers_and_starts_nobody() -> None:
    looker, changer = Imitated("a", "ok", hangs=True), Imitated("b", "planned", stays=True)
    waiting = Imitated("c", "planned")
    when(lambda: changer.changing, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted) as interrupted:
        fleet(looker, changer, waiting, forks=2).run()
    assert [result.status for result in interrupted.value.results] == ["declined", "changed", "declined"]
    assert changer.said == ["interrupted; waiting until the change under way is judged"]
    assert not waiting.changed
    assert looker.closed.is_set()  # what is cut off can never begin to change its host


def test_after_the_journeys_ctrl_c_is_again_what_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    fleet(Imitated("a")).look()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_worst_of_all_hosts_wins() -> None:
    order = [70, 1, 4, 3, 5, 2, 0]
    for index, code in enumerate(order):
        assert worst(order[index:]) == code
