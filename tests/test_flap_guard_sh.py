"""The flap guard on the host: every sh and awk counts as the plan does, and forgets nothing that it should remember."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediations.facts import restarts
from remediations.host.flap_guard import FlapGuard
from remediations.remote import program
from tests.builders import MACHINE, nginx_snapshot

NOW = int(MACHINE.now)
SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"))
FUNCTIONS = program("transaction") + program("units").split("# --- the verbs ---")[0]
REPLACED = f"""
base=$1 run=20261122T130500Z-7f3a9c who=alice
now() {{ echo {NOW}; }}
refuse() {{ printf 'refused %s\\n' "$*"; }}
"""


@dataclass(frozen=True)
class HostShell:
    """A sh with the transaction's functions; `home` stands for /var/lib/remediate, the clock for NOW."""

    words: tuple[str, ...]
    home: Path

    def __call__(self, script: str) -> str:
        """What it says; it must not fail, and says nothing on stderr."""
        text = FUNCTIONS + REPLACED + script
        env = {**os.environ, "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run([*self.words, "-c", text, "sh", str(self.home)], env=env, capture_output=True, timeout=20)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    def guard(self, short: int = 3, long: int = 5, act: str = "restart", unit: str = "a.service") -> str:
        return self(f"if guard {act} {unit} {short} {long}; then echo allowed; else echo stopped; fi")

    @property
    def log(self) -> Path:
        return self.home / "restarts"

    def has_restarted(self, *ages: int, unit: str = "a.service") -> None:
        self.log.write_text("".join(f"{NOW - age} {unit} restart R alice\n" for age in ages))


@pytest.fixture(params=[*SHELLS, ("busybox", "sh", "with its own awk")], ids=" ".join)
def sh(request: pytest.FixtureRequest, tmp_path: Path) -> HostShell:
    """Each of the shells, and one with busybox's awk in place of the system's."""
    (tmp_path / "bin").mkdir()
    if len(request.param) > 2:
        busybox = shutil.which("busybox")
        assert busybox is not None
        (tmp_path / "bin" / "awk").symlink_to(busybox)
    return HostShell(request.param[:2], tmp_path)


def test_the_fourth_restart_is_stopped_with_the_history_of_the_three(sh: HostShell) -> None:
    for _ in range(3):
        assert sh.guard(act="start") == "allowed\n"
        sh("count_restart start a.service")
    told = ", ".join(["start 0 min ago by alice (run 20261122T130500Z-7f3a9c)"] * 3)
    assert sh.guard() == (
        f"refused a.service has been restarted too often (3 in 15 minutes, 3 in an hour: {told}); "
        "a person must look at why it does not stay up\nstopped\n"
    )
    assert sh.guard(unit="b.service") == "allowed\n"


def test_what_was_counted_is_what_the_fact_reads(sh: HostShell) -> None:
    sh("count_restart start a.service; count_restart restart app@8001.service; count_restart reload b.service")
    found = restarts.parse(sh.log.read_bytes())
    assert [(one.time, one.unit, one.action, one.run, one.who) for one in found] == [
        (NOW, "a.service", "start", "20261122T130500Z-7f3a9c", "alice"),
        (NOW, "app@8001.service", "restart", "20261122T130500Z-7f3a9c", "alice"),
    ]
    assert sh.log.stat().st_mode & 0o777 == 0o600


def test_reloads_are_neither_counted_nor_stopped(sh: HostShell) -> None:
    sh.has_restarted(1, 2, 3, 4, 5)
    assert sh.guard(act="reload") == sh.guard(act="daemon-reload", unit="-") == "allowed\n"


def test_the_limits_are_numbers_not_words(sh: HostShell) -> None:
    sh.has_restarted(*range(9))
    assert sh.guard(10, 20) == "allowed\n"
    assert sh.guard(9, 20).endswith("stopped\n")


def test_the_future_counts_as_now(sh: HostShell) -> None:
    sh.has_restarted(-100_000, -1, 0)
    assert "restart 0 min ago by alice (run R), restart 0 min ago by alice (run R), restart 0 min" in sh.guard()


def test_where_nothing_was_restarted_there_is_nothing_to_stop(sh: HostShell) -> None:
    assert sh.guard() == "allowed\n"
    sh.log.touch()
    assert sh.guard() == "allowed\n"


def test_what_cannot_be_counted_is_refused(sh: HostShell) -> None:
    (sh.home / "bin" / "awk").unlink(missing_ok=True)
    (sh.home / "bin" / "awk").write_text("#!/bin/sh\necho 'awk: no' >&2; exit 2\n")
    (sh.home / "bin" / "awk").chmod(0o755)
    sh.has_restarted(1)
    assert sh.guard() == "refused a.service has been restarted nobody knows how often: awk: no\nstopped\n"


def test_the_count_is_cut_to_its_newest_half_when_it_grows(sh: HostShell) -> None:
    sh.has_restarted(*range(2000, 1000, -1), unit="b.service")
    sh("count_restart start a.service")
    found = restarts.parse(sh.log.read_bytes())
    assert (len(found), found[0].time, found[-1].unit) == (500, NOW - 1499, "a.service")
    assert sorted(path.name for path in sh.home.iterdir()) == ["bin", "restarts"]


AGES = st.lists(st.sampled_from([-90_000, -1, 0, 1, 450, 899, 900, 901, 2000, 3599, 3600, 3601, 10**6]), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=AGES, others=AGES, limits=st.sampled_from([(1, 1), (3, 5), (2, 8), (10, 20)]))
def test_host_and_plan_stop_at_the_same_restart(
    ages: Sequence[int], others: Sequence[int], limits: tuple[int, int], tmp_path: Path
) -> None:
    host = HostShell(("dash",), tmp_path)
    lines = [(age, unit) for unit, each in (("a.service", ages), ("b.service", others)) for age in each]
    host.log.write_text("".join(f"{NOW - age} {unit} start R bob\n" for age, unit in lines))
    snapshot = replace(nginx_snapshot({}), restarts=restarts.parse(host.log.read_bytes()))
    assert FlapGuard(*limits).stops(snapshot, "a.service") is host.guard(*limits).endswith("stopped\n")
