"""The one way in which a value enters a shell script."""

from __future__ import annotations

import shlex


def quote(value: str) -> str:
    """`value` as one word of POSIX sh; a NUL byte, which no word can hold, is a ValueError."""
    if "\0" in value:
        raise ValueError("a NUL byte cannot be passed to a shell")
    return shlex.quote(value)
