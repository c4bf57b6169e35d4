"""Which known paths an include's mask names, as glob(3) would say in the C locale."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CLASSES = {"alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z"}
_PIECE = re.compile(
    r"\\(?P<escaped>.)|(?P<set>\[[!^]?\]?(?:\[:\w+:\]|[^\]/])*\])|(?P<mark>[*?])|(?P<plain>.)", re.DOTALL
)


def is_mask(pattern: str) -> bool:
    """nginx's own test: without one of these the include names one file, which must exist."""
    return any(mark in pattern for mark in "*?[")


def matches(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that the mask matches, sorted by bytes; `*` does not cross a slash and skips dotfiles."""
    mask = re.compile("/".join(_component(part) for part in pattern.split("/")), re.DOTALL)
    return tuple(sorted(filter(mask.fullmatch, paths), key=_in_bytes))


def fixed_directory(pattern: str) -> str:
    """The part of the mask before the first component that is not literal."""
    parts = pattern.split("/")
    masks = (number for number, part in enumerate(parts) if is_mask(part))
    return "/".join(parts[: next(masks, len(parts) - 1)]) or "/"


def _component(part: str) -> str:
    guard = r"(?!\.)" if part[:1] in ("*", "?", "[") else ""
    return guard + "".join(_translate(piece) for piece in _PIECE.finditer(part))


def _translate(piece: re.Match[str]) -> str:
    if piece["mark"]:
        return "[^/]*" if piece["mark"] == "*" else "[^/]"
    if piece["set"]:
        return _set(piece["set"][1:-1])
    return re.escape(piece["escaped"] or piece["plain"])


def _set(inside: str) -> str:
    negated = inside[:1] in ("!", "^")
    members = inside[1:] if negated else inside
    escaped = re.sub(r"[\\\[\]^&~|]", r"\\\g<0>", re.sub(r"\[:(\w+):\]", lambda found: _CLASSES[found[1]], members))
    return f"[{'^/' if negated else ''}{escaped}]"


def _in_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
