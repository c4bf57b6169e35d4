"""Progress on stderr: a live line a host on a terminal, a plain line a step in a pipe."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from remediations import masking, terminal


class Progress(Protocol):
    def __call__(self, host: str, text: str) -> None: ...


def silent(host: str, text: str) -> None:
    """Progress that nobody watches."""


@contextmanager
def progress(stream: TextIO) -> Iterator[Progress]:
    """Tells what is being done where, until the block ends."""
    if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb":  # a dumb terminal cannot redraw a line
        with _live(stream) as tell:
            yield tell
    else:
        yield _Plain(stream)


class _Plain:
    def __init__(self, stream: TextIO) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def __call__(self, host: str, text: str) -> None:
        with self.lock:
            terminal.remark(f"{masking.defused(host)}: {masking.text(text)}", self.stream)


@contextmanager
def _live(stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape

    console = Console(file=stream)
    now: dict[str, str] = {}
    lock = threading.Lock()
    with console.status("connecting") as status:

        def tell(host: str, text: str) -> None:
            with lock:
                now[host] = text
                shown = [f"{escape(name)}: {escape(masking.text(what))}" for name, what in now.items()]
                status.update("\n".join(shown[-8:]))

        yield tell
