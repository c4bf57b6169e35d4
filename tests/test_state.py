"""What this side keeps of a run: the report, for its owner alone, and not for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remediations import state


def test_a_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "remediate"
    state.keep_report(folder, "20261122T130500Z-7f3a9c", "{}\n")
    report = folder / "20261122T130500Z-7f3a9c" / "report.json"
    assert report.read_text() == "{}\n"
    assert [path.stat().st_mode & 0o777 for path in (report, report.parent, folder)] == [0o600, 0o700, 0o700]


def test_old_runs_and_too_many_go_and_nothing_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_RUNS", 3)
    names = [f"2026112{day}T130500Z-7f3a9c" for day in range(1, 7)]
    for name in (*names, "bugs", "20261122T130500Z"):
        (tmp_path / name / "web1").mkdir(parents=True)
    os.utime(tmp_path / names[4], (0, 0))
    state.prune(tmp_path, now=(tmp_path / names[0]).stat().st_mtime)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261122T130500Z", names[3], names[5], "bugs"]
