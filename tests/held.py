"""The program on the host, made to stand still at one point, so that a test can hit it there."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from remediations import remote
from remediations.errors import RemediateError
from remediations.transaction import Outcome
from tests.eye import JOURNAL
from tests.lab.host import LabHost
from tests.patience import eventually

FULL = os.environ.get("REMEDIATE_FAULTS") == "full"
"""For a night; otherwise a subset for every day."""

HOLD = """hold() {
  [ ! -e "at.$1" ] || return 0
  echo $$ >"at.$1"
  held=0
  until [ -e "go.$1" ] || [ $held -ge 600 ]; do held=$((held + 1)); sleep 0.1 9>&-; done
}
"""
"""For a minute or until it is let go, and once only: who comes after the one that was killed goes on."""

NOT_YET = ('&& [ "$(uptime)" -lt "$deadline" ]; do', "&& [ ! -e too-late ]; do")
"""The deadline passes when the test says so: one of a second may have passed before we hear that it waits."""

POINTS = {
    "NEW": "  check || return\n",
    "PREPARED": "  stage_all || return\n",
    "STAGED": "  become PREPARED SWAPPING || return\n",
    "SWAPPING": '  say "swapped $3"\n',
    "SWAPPED": "  look_after || return 1\n",
    "ACTING": '  say "acted $action $(subject)"\n',
    "SETTLED": "become SWAPPING AWAIT; await;",
    "ABORTING": "undo ABORTING ;;",
    "ROLLING_BACK": '    if holds "$path" "$old"; then say "restored $path"',
    "UNDONE": "    become ROLLING_BACK ROLLED_BACK\n",
    "COMMITTED": "tidy ;;\n    ABORTING)",
    "LATE": "undo ROLLING_BACK; else await",
    "ROLLBACK": "  how=$1\n",
}
"""Where it is held: before this text, which stands once in the program."""


@contextmanager
def edited(*edits: tuple[str, str]) -> Iterator[None]:
    """The program with each text replaced; every one must stand in it exactly once."""
    places: dict[tuple[str, str], str] = {}

    def program(part: str) -> str:
        text = remote.program(part)
        for edit in edits:
            if edit[0] in text:
                assert text.count(edit[0]) == 1, edit[0]
                assert places.setdefault(edit, part) == part, "it stands in no other part"
                text = text.replace(*edit)
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("remediations.transaction.program.program", program)
        yield


@contextmanager
def held(*points: str, also: Sequence[tuple[str, str]] = ()) -> Iterator[None]:
    """Every program laid down meanwhile stands still at each of these points, once."""
    holds = [(POINTS[point], f"hold {point}; {POINTS[point]}") for point in points]
    with edited(("umask 077\n", f"umask 077\n{HOLD}"), *holds, *also):
        yield


def kill_at(host: LabHost, run: str, *points: str) -> None:
    """Whoever stands at one of these points will be killed, in this order; returns at once."""
    folder = f"{JOURNAL}/txn/{run}"
    each = "; ".join(
        f"until [ -s {folder}/at.{point} ]; do sleep 0.02; done; kill -9 $(cat {folder}/at.{point})" for point in points
    )
    host.sh(f"setsid -f timeout 60 sh -c {shlex.quote(each)} </dev/null >/dev/null 2>&1")


def wait_at(host: LabHost, run: str, point: str) -> None:
    file = f"{JOURNAL}/txn/{run}/at.{point}"
    eventually(lambda: host.sh(f"cat {file} 2>/dev/null || true") != b"", lambda: f"{run} never came to {point}")


def let_go(host: LabHost, run: str, point: str) -> None:
    """It goes on from where it is held."""
    host.sh(f": >{JOURNAL}/txn/{run}/go.{point}")


def pass_the_deadline(host: LabHost, run: str) -> None:
    """Of a run that was laid down with NOT_YET."""
    host.sh(f": >{JOURNAL}/txn/{run}/too-late")


@contextmanager
def in_the_background(ask: Callable[[], Outcome]) -> Iterator[list[Outcome]]:
    """Asked while the test goes on; the answer is in the list at the end, none where its connection was cut."""
    said: list[Outcome] = []

    def wait() -> None:
        with suppress(RemediateError):
            said.append(ask())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield said
    finally:
        thread.join(120)
        assert not thread.is_alive(), "neither ended nor cut"
