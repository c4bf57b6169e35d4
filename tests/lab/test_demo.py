"""The demonstration ends with a cured host or with an error, and with no host left, even when it is interrupted."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.record import records

CHECKOUT = Path(__file__).parents[2]


def demo(folder: Path) -> subprocess.Popen[str]:
    program = f"import pathlib; from tests.lab.demo import demonstrate; demonstrate(pathlib.Path({str(folder)!r}))"
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def left(folder: Path) -> list[str]:
    return [record.id for record in records() if record.run == folder]


def test_it_shows_the_outage_the_cure_and_a_second_run_without_work(lab_run: Path, tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said, _ = process.communicate(timeout=180)
    order = [
        "\n502\n",
        "web1  would change",
        "web1  changed, healthy",
        "\n200\n",
        "healthy, nothing to do",
        "+Restart=",
    ]
    places = [said.find(words) for words in order]
    assert (process.returncode, -1 in places, places) == (0, False, sorted(places)), said
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_its_host_down(lab_run: Path, tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        assert any("--dry-run" in line for line in process.stdout)
        assert len(left(tmp_path)) == 1
        process.send_signal(number)
        process.stdout.read()
    assert process.returncode != 0
    assert left(tmp_path) == []
