"""Colours for people's terminals, nothing elsewhere; NO_COLOR and FORCE_COLOR hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Style:
    """Paints where `colour` is on."""

    colour: bool

    def green(self, text: str) -> str:
        return self._paint("32", text)

    def red(self, text: str) -> str:
        return self._paint("31", text)

    def yellow(self, text: str) -> str:
        return self._paint("33", text)

    def bold(self, text: str) -> str:
        return self._paint("1", text)

    def dim(self, text: str) -> str:
        return self._paint("2", text)

    def diff_line(self, line: str) -> str:
        if line.startswith(("+++", "---")):
            return self.bold(line)
        paint = {"+": self.green, "-": self.red, "@": self.dim}.get(line[:1])
        return paint(line) if paint else line

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def style_for(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """FORCE_COLOR, then NO_COLOR, then whether the stream is a terminal."""
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return Style(True)
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return Style(False)
    return Style(stream.isatty())
