"""The ends of logs as they really lie: renamed, deleted and still written to, long, and many."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remediations.facts import logs
from remediations.facts.base import Unknown
from remediations.facts.logs import MANY_LOGS, MAX_LOG_BYTES, Logs

OLD = 24 * 3600


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(shell: str, paths: list[Path], *writers: int) -> Logs:
    fact = logs.fact([str(path) for path in paths], writers)
    done = subprocess.run([shell, "-c", fact.script], capture_output=True, check=True, timeout=20)
    found = fact.parse(done.stdout)
    assert not isinstance(found, Unknown)
    return found


def age(path: Path, seconds: int) -> None:
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))


@contextmanager
def writing(path: Path, text: str) -> Iterator[int]:
    """A process that has the log open and has written to it; its pid."""
    script = f"exec 9>>'{path}'; echo '{text}' >&9; echo ready; exec sleep 60"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["error.log.1", "error.log-20261128"])
def test_what_was_renamed_lately_stands_before_what_follows_it(shell: str, name: str, tmp_path: Path) -> None:
    log, renamed = tmp_path / "error.log", tmp_path / name
    renamed.write_text("before\n")
    age(renamed, 60)
    log.write_text("after\n")
    (tmp_path / "other.log.1").write_text("of another\n")
    assert read(shell, [log])[str(log)].data == b"before\nafter\n"
    age(renamed, OLD)
    assert read(shell, [log])[str(log)].data == b"after\n"


def test_what_is_still_written_to_the_renamed_file_stands_behind_the_new_one(shell: str, tmp_path: Path) -> None:
    log, renamed = tmp_path / "error.log", tmp_path / "error.log.1"
    log.write_text("new and empty but for this\n")
    age(log, 60)
    renamed.write_text("fresh\n")
    assert read(shell, [log])[str(log)].data.endswith(b"fresh\n")


def test_a_deleted_log_is_read_through_its_writer(shell: str, tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    with writing(log, "spoken into the void") as pid:
        log.unlink()
        found = read(shell, [log], pid)[str(log)]
        assert (found.data, found.held, found.missing) == (b"spoken into the void\n", True, False)
        assert not read(shell, [log])[str(log)].held


def test_a_long_log_is_read_from_its_end_alone(shell: str, tmp_path: Path) -> None:
    log, renamed = tmp_path / "error.log", tmp_path / "error.log.1"
    with log.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    renamed.write_text("too far back\n")
    age(renamed, 60)
    found = read(shell, [log])[str(log)]
    assert (len(found.data), found.cut, found.lines[-1]) == (MAX_LOG_BYTES, True, "the end")


def test_of_many_logs_the_last_written_are_read_and_the_others_are_said_to_be_cut(shell: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"site{number}.log" for number in range(MANY_LOGS + 2)]
    for number, path in enumerate(paths):
        path.write_text("said\n")
        age(path, number)
    age(paths[-1], OLD)
    found = read(shell, [*reversed(paths)])
    assert [found[str(path)].data for path in paths] == [b"said\n"] * MANY_LOGS + [b""] * 2
    assert [found[str(path)].cut for path in paths[-3:]] == [False, True, False]


def test_a_log_that_is_not_there_is_missing(shell: str, tmp_path: Path) -> None:
    assert read(shell, [tmp_path / "none.log"])[str(tmp_path / "none.log")].missing


def test_bytes_of_a_log_that_nobody_asked_for_are_refused() -> None:
    assert isinstance(logs.parse(b". 2 /etc/shadow\nx\n", ["/log"]), Unknown)
