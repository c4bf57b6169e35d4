"""The shell programs that run on a host, kept as files so that shellcheck and people can read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def program(name: str) -> str:
    """The text of `remote/NAME.sh`."""
    return (Path(__file__).parent / f"{name}.sh").read_text(encoding="utf-8")
