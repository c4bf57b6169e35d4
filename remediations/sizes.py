"""Sizes of memory and files as people read them."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def said(size: float) -> str:
    """`0 B`, `456 KiB`, `1.9 GiB`: two digits at least, none that mean nothing."""
    number = 0
    while size >= 1024 and number < len(_UNITS) - 1:
        size, number = size / 1024, number + 1
    digits = 1 if size < 10 and number else 0
    return f"{size:.{digits}f} {_UNITS[number]}"
