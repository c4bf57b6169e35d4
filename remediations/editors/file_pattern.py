"""Which of the known paths a shell pattern names, by the rules of glob(3), without asking a file system."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

_PIECE = re.compile(r"\\.|\[[!^]?\]?[^\]]*\]|.", re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    """Whether glob(3) would find the path: `*` and `?` stop at a slash and do not see a leading dot."""
    parts, names = pattern.split("/"), posixpath.normpath(path).split("/")
    return len(parts) == len(names) and all(map(_part_matches, parts, names))


def _part_matches(pattern: str, name: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(map(_expression, _PIECE.findall(pattern))), re.DOTALL)


def _expression(piece: str) -> str:
    if piece in ("*", "?"):
        return ".*" if piece == "*" else "."
    if len(piece) == 1 or piece.startswith("\\"):
        return re.escape(piece[-1])
    negated = piece[1] in "!^"
    members = re.escape(piece[2:-1] if negated else piece[1:-1]).replace("\\-", "-")
    return f"[{'^' if negated else ''}{members}]"
