"""What a host said, made fit for one line of an error message."""

from __future__ import annotations

import re
import unicodedata

_KEPT = 500
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn"}  # control and bidi characters, which could rewrite a terminal


def printable(text: bytes) -> str:
    """The last 500 characters of `text` in one line, its unprintable characters shown as escapes."""
    line = re.sub(r"\s*\n\s*", " / ", text.decode(errors="replace").replace("\r\n", "\n").strip())
    shown = "".join(_escaped(character) for character in line)
    return shown if len(shown) <= _KEPT else "…" + shown[-_KEPT:]


def _escaped(character: str) -> str:
    if unicodedata.category(character) in _UNPRINTABLE:
        return character.encode("unicode_escape").decode()
    return character
