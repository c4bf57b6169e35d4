"""Writing to stdout and stderr, where the reader may be gone: `| head -1`, a closed window, a full disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def prepare() -> None:
    """Whatever a host or a command line holds can be printed, in any locale, even to nobody (`>&-`)."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # not every stand-in of a test has it
            reconfigure(errors="backslashreplace")


def document(document: str) -> None:
    """Writes all of it to stdout. A reader who has seen enough is no error; OSError where it is lost otherwise."""
    try:
        sys.stdout.write(document)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError:
        _silence(sys.stdout)
        raise


def line(text: str) -> bool:
    """Writes one line to stdout at once; whether anybody can still read it."""
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        _silence(sys.stdout)
        return False
    return True


def remark(text: str, stream: TextIO | None = None) -> None:
    """One line for a person, to stderr. Nobody there to read it must never stop a change half way."""
    stream = stream or sys.stderr
    try:
        print(text, file=stream, flush=True)
    except (OSError, ValueError):  # ValueError: the stream is closed
        _silence(stream)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # for the rest of the process


@contextmanager
def tolerant() -> Iterator[None]:
    """For others' prints to stdout: a reader who has seen enough is no error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)


def _silence(stream: TextIO) -> None:
    """What is still buffered goes nowhere, or Python would complain about it at its end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return  # a stand-in without a file, or closed: nothing will be flushed
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, number)
    os.close(devnull)
