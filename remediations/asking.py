"""Asking the person at the terminal: whether to apply, and for the password of sudo."""

from __future__ import annotations

import getpass
import select
import sys
from collections.abc import Sequence
from typing import TextIO

from remediations import masking
from remediations.errors import UsageError

GLANCE_SECONDS = 0.2


def agreed(hosts: Sequence[str]) -> bool:
    """Whether somebody typed y or yes; anything else is a no, the end of the input too."""
    sys.stderr.write(f"\nApply this to {masking.defused(', '.join(hosts))}? [y/N] ")
    sys.stderr.flush()
    answer = _line(sys.stdin)
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")


def _line(stream: TextIO) -> str:
    """What is typed, waited for in pieces: of a Ctrl-C in the instant before a read Python hears only after it."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream.readline()  # a stand-in without a file: it has its lines already
    while not select.select([number], [], [], GLANCE_SECONDS)[0]:
        pass
    return stream.readline()


def become_password() -> str:
    """Typed without an echo. UsageError where there is no terminal to type it on."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "--ask-become-pass: there is no terminal to ask on; without one, set REMEDIATE_BECOME_PASSWORD"
        )
    try:
        return getpass.getpass("sudo password: ")
    except EOFError:
        raise UsageError("--ask-become-pass: no password was typed") from None
