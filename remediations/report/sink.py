"""Where the report goes: stdout, or the file of `--output`, which must prove writable before any host is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from remediations import terminal
from remediations.errors import UsageError


class Sink(Protocol):
    """Takes the whole report, once. Raises OSError where it is lost."""

    def __call__(self, document: str) -> None: ...


@contextmanager
def opened(path: Path | None) -> Iterator[Sink]:
    """Raises UsageError where the file cannot be written. What it held before stays until the report is there."""
    if path is None:
        yield terminal.document
        return
    try:
        # Not "w": a run that fails before it has a report must leave the last one. A pipe is opened like any file.
        number = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}") from error
    # Unbuffered: what a full disk has refused once must not be tried again, and fail again, when it is closed.
    with open(number, "wb", buffering=0) as file:

        def write(document: str) -> None:
            data = rest = document.encode("utf-8", "backslashreplace")
            while rest:
                rest = rest[file.write(rest) :]
            if file.seekable():
                file.truncate(len(data))

        yield write
