"""Asking the person at the terminal: whether to apply, and for the password of sudo."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

from remediations import masking
from remediations.errors import UsageError


def agreed(hosts: Sequence[str]) -> bool:
    """Whether somebody typed y or yes; anything else is a no, the end of the input too."""
    sys.stderr.write(f"\nApply this to {masking.defused(', '.join(hosts))}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")


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
