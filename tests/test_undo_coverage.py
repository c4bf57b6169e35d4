"""The undo code in Python: its unit tests alone take every branch of what plans the way back and reads the record."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
HELD = ("remediations/undoing.py", "remediations/facts/run_record.py")
TESTS = ("tests/test_undoing.py", "tests/facts/test_run_record.py")


def covered(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What coverage.py reports of these tests: its exit code is 2 where a line or a branch was left out."""
    data = f"--data-file={folder / 'data'}"
    measured = ["run", "--branch", data, f"--include={','.join(HELD)}", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    _coverage(*measured, *TESTS, *words).check_returncode()
    return _coverage("report", data, "--show-missing", "--fail-under=100")


def _coverage(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "coverage", *words]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)


def test_the_unit_tests_take_every_branch(tmp_path: Path) -> None:
    report = covered(tmp_path)
    assert report.returncode == 0, report.stdout + report.stderr
    assert all(path in report.stdout for path in HELD)


@pytest.mark.parametrize("left_out", ["processes_are_not_known", "is_damaged_says_nothing"])
def test_a_branch_that_no_test_takes_is_told(tmp_path: Path, left_out: str) -> None:
    report = covered(tmp_path, "-k", f"not {left_out}")
    assert report.returncode == 2, report.stdout + report.stderr
