"""nginx's worker: read from what a host prints, and asked of a real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from remediations.facts import worker
from remediations.facts.base import PRELUDE
from remediations.facts.worker import Worker

PATHS = ("/run", "/run/app.sock")


def test_what_it_may_is_told_path_by_path() -> None:
    text = b"who uid=33(www-data) gid=33(www-data) groups=33(www-data),4(adm)\nmay y n \nanew y y \n"
    assert worker.parse(text, PATHS) == Worker(
        "www-data", "www-data", ("www-data", "adm"), {"/run": True, "/run/app.sock": False}, dict.fromkeys(PATHS, True)
    )


def test_without_another_word_a_new_worker_may_the_same() -> None:
    found = worker.parse(b"who uid=33(www-data) gid=33(www-data) groups=33(www-data)\nmay y n \n", PATHS)
    assert isinstance(found, Worker)
    assert found.anew == found.may == {"/run": True, "/run/app.sock": False}


def test_where_it_cannot_be_tried_nothing_is_said_of_it() -> None:
    found = worker.parse(b"who uid=33(www-data) gid=33(www-data) groups=33(www-data)\n", PATHS)
    assert found == Worker("www-data", "www-data", ("www-data",))


def test_the_shell_tries_as_this_process_is(tmp_path: Path) -> None:
    """Our own pid and user; root may all, anybody else only looks."""
    fact = worker.fact(os.getpid(), os.getuid(), (str(tmp_path),))
    answer = subprocess.run(["sh", "-c", PRELUDE + fact.script], capture_output=True, check=True)
    found = fact.parse(answer.stdout)
    assert isinstance(found, Worker)
    assert found.may in ({}, {str(tmp_path): True})


def test_a_user_that_is_not_there_is_unknown_with_the_reason() -> None:
    fact = worker.fact(os.getpid(), 4_000_000, ())
    answer = subprocess.run(["sh", "-c", PRELUDE + fact.script], capture_output=True, check=False)
    assert (answer.returncode, b"4000000" in answer.stdout) == (3, True)
