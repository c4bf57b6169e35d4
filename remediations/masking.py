"""Masks secrets and defuses control characters in whatever came from a host, before anybody sees it."""

from __future__ import annotations

import re
import unicodedata

from remediations.masking_rules import MASK as MASK
from remediations.masking_rules import in_prose, in_statement, without_known_shapes

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.S)
_ODD = re.compile(r"[^\n\t -~]")
_HUNK = re.compile(r"@@ -(?P<before>\d+)(?:,\d+)? \+(?P<after>\d+)(?:,\d+)? @@")
_SIDES = {"-": ("before",), "+": ("after",), " ": ("after", "before")}
_SECRET_MAP = re.compile(r"^\s*map\s+\S*\$\w*(?:key|token|secret|passw|auth)\w*\S*\s+\$\w+\s*\{", re.I)
_PLAIN_IN_MAP = re.compile(r"^\s*(?:default|include|hostnames|volatile|#|\}|$)")


def text(value: str) -> str:
    """Prose: a log line, a program's output, an error message."""
    value = _PEM.sub(rf"\1{MASK}", value)
    return defused("\n".join(in_prose(line) for line in value.split("\n")))


def log(value: str) -> str:
    """A traceback: may quote both prose and configuration, and need not be pretty."""
    return "\n".join(in_statement(line).line for line in text(value).split("\n"))


def config(value: str) -> str:
    """A whole configuration file, line by line: nginx, ini, unit. As many lines come out as went in."""
    lines, state = [], _NOTHING
    for line in value.split("\n"):
        masked, state = _configured(line, state)
        lines.append(defused(masked))
    return "\n".join(lines)


def diff(unified: str, before: str, after: str) -> str:
    """A unified diff of two files: what is secret is told from the whole files, yet a changed secret shows as a change.

    A hunk alone may begin in the middle of a private key, or below the directive whose value its first line is.
    """
    masked = {"before": config(before).split("\n"), "after": config(after).split("\n")}
    at: dict[str, int] = {}  # the place of the next line in each file; none before the first hunk
    lines: list[str] = []
    for line in unified.split("\n"):
        if hunk := _HUNK.match(line):
            at = {side: max(0, int(hunk[side]) - 1) for side in masked}
        sides = _SIDES.get(line[:1], ()) if at else ()
        lines.append(line[:1] + masked[sides[0]][at[sides[0]]] if sides else defused(line))
        for side in sides:
            at[side] += 1
    return "\n".join(lines)


_NOTHING = ""
_IN_PEM = "private key"
_IN_MAP = "map"
_IN_STATEMENT = "statement"
_IN_CONTINUATION = "continuation"


def _configured(line: str, state: str) -> tuple[str, str]:
    """The line masked, and what the next line is in the middle of."""
    if state == _IN_PEM or _PEM_BEGIN.search(line):
        ends = "-----END" in line
        return (line if ends or state != _IN_PEM else _blotted(line)), _NOTHING if ends else _IN_PEM
    if state == _IN_STATEMENT:
        return _blotted(line), _NOTHING if ";" in line or line.rstrip().endswith(("{", "}")) else state
    if state == _IN_CONTINUATION:
        return _blotted(line), state if line.rstrip().endswith("\\") else _NOTHING
    if state == _IN_MAP:
        shown = line if _PLAIN_IN_MAP.match(line) else re.sub(r"\S+", MASK, line, count=1)
        return without_known_shapes(shown), _NOTHING if "}" in line else _IN_MAP
    if _SECRET_MAP.match(line) and "}" not in line:
        return line, _IN_MAP
    statement = in_statement(line)
    if statement.unfinished:
        return statement.line, _IN_CONTINUATION if line.rstrip().endswith("\\") else _IN_STATEMENT
    return statement.line, _NOTHING


def _blotted(line: str) -> str:
    """All of it but its indentation and what ends it: a semicolon, or the brace of a block."""
    body = line.strip()
    if not body or body in ("{", "}"):
        return line
    indentation = line[: len(line) - len(line.lstrip())]
    return indentation + MASK + (";" if body.endswith(";") else "")


def defused(value: str) -> str:
    """Control, bidirectional and other invisible characters as escapes; newlines and tabs stay."""
    return _ODD.sub(lambda char: char[0] if _harmless(char[0]) else _escape(char[0]), value)


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
