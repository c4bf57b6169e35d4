"""The bench as a user types it: it runs and prints its table; no time is asserted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
KINDS = (
    "diagnose, `remediate diagnose`",
    "dry run, `remediate`",
    "dry run, `invoke remediate`",
    "apply, `remediate`",
    "no change, `remediate`",
)

SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\) +"
ROW = rf"^\| N=(\d) +\| (.*?) +\| {SPREAD}\| {SPREAD}\| [\d.]+ +\|"


@pytest.mark.lab
def test_the_bench_measures_every_kind_of_run_and_prints_one_table(lab_run: Path) -> None:
    invoke = Path(sys.executable).parent / "invoke"
    words = [str(invoke), "bench", "-n", "1", "--hosts", "2"]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = re.findall(ROW, done.stdout, re.MULTILINE)
    assert sorted(rows) == sorted(("2", kind) for kind in KINDS), done.stdout
    assert re.search(r"left out: [1-9]", done.stdout), "an apply that reloads nginx has a time to settle"
