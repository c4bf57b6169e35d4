"""An editor that puts its own version in place again and again while a run swaps the file: none of them is lost."""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import LabHostFactory
from tests.held import FULL, held, in_the_background, let_go, wait_at
from tests.lab.host import LabHost
from tests.on_host import OnHost, on
from tests.patience import eventually

ROUNDS = 50 if FULL else 2
AT_FDCWD, RENAME_EXCHANGE = -100, 2
LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    if LIBC.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), f"exchange {one} {other}")


@dataclass
class Editor:
    """Works on the host's file system from outside, and keeps the books: what it wrote, and what it got out for it."""

    target: Path
    wrote: set[bytes] = field(default_factory=set)
    got: set[bytes] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Editor:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _work(self) -> None:
        new = self.target.with_name("editor")
        while not self._stop.is_set():
            version = b"version %d\n" % len(self.wrote)
            new.write_bytes(version)
            self.wrote.add(version)
            exchange(new, self.target)
            self.got.add(new.read_bytes())

    def lost(self) -> set[bytes]:
        """What nobody took out and what is nowhere to be found."""
        there = {path.read_bytes() for path in self.target.parent.iterdir()}
        return self.wrote - self.got - there


@pytest.mark.parametrize("way", ["perl", "python", "link-and-rename"])
def test_an_editor_in_a_tight_loop_loses_nothing_and_nothing_is_mixed(lab_host: LabHostFactory, way: str) -> None:
    """Without an exchange a version may go that comes between the last look and the rename: told, not hidden."""
    host = lab_host("web1", "python" if way == "python" else "")
    if way != "perl":
        host.sh("mv /usr/bin/perl /usr/bin/perl.hidden")
    with on(host) as at:
        lost = [race(host, at, number) for number in range(ROUNDS)]
    if way != "link-and-rename":
        assert not any(lost), lost
    print(f"versions lost in {ROUNDS} races: {lost}")


def race(host: LabHost, at: OnHost, number: int) -> int:
    folder = f"/etc/nginx/race/{number}"
    host.sh(f"mkdir -p {folder}; cd {folder}; for each in one two three; do echo old >$each; done")
    transaction = at.transaction(*(at.append(f"{folder}/{name}", b"new\n") for name in ("one", "two", "three")))
    with held("STAGED"), in_the_background(transaction.begin) as said:
        wait_at(host, transaction.run, "STAGED")
        with Editor(host.root / f"{folder}/three".lstrip("/")) as editor:
            eventually(lambda: len(editor.wrote) > 20)
            let_go(host, transaction.run, "STAGED")
            eventually(lambda: bool(said))
    others = {host.read(f"{folder}/{name}") for name in ("one", "two")}
    state = said[0].state
    assert (state, others) in [("rolled_back", {b"old\n"}), ("needs_human", {b"old\nnew\n"})], said
    return len(editor.lost())
