"""A full run fails where a test was skipped or none met a real host, with workers and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
MET = "import pytest\n@pytest.mark.lab\ndef test_host(): pass\n"
SKIPPED = MET + "def test_skipped(): pytest.skip('no nginx')\n"
MODULE = "import pytest\npytest.skip('no root', allow_module_level=True)\n"


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    ("tests", "code", "said"),
    [
        ({"test_a.py": MET}, 0, "1 passed"),
        ({"test_a.py": SKIPPED}, 1, "a full run skips nothing: test_a.py::test_skipped"),
        ({"test_a.py": MET, "test_b.py": MODULE}, 1, "a full run skips nothing: test_b.py"),
        ({"test_a.py": "def test_pure(): pass\n"}, 1, "no test met a real host"),
    ],
    ids=["all met", "a test skipped", "a module skipped", "no host"],
)
def test_a_full_run_that_left_something_out_fails(
    tmp_path: Path, tests: dict[str, str], code: int, said: str, workers: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = lab: boots hosts\n")
    for name, text in tests.items():
        (tmp_path / name).write_text(text)
    words = ["-m", "pytest", "-p", "tests.nothing_skipped", "-n", workers, "-c", str(tmp_path / "pytest.ini")]
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
