"""Masks secrets and defuses control characters in whatever came from a host, before anybody sees it."""

from __future__ import annotations

import re
import unicodedata

MASK = "***"

_NAME = (
    r"[\w.$\[\]-]*(?:passw(?:or)?d|passphrase|secret|token|api_?key|_key|auth|credential)[\w.\]-]*|env\[[^\]]*\]|key"
)
# In prose and logs a value follows a `=` or `:`; in configuration a blank will do.
_ASSIGNED = re.compile(
    rf"(?P<head>(?<![\w$])(?:{_NAME})[\"']?\s*[=:]>?\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s;,]+)", re.I
)
_CONFIGURED = re.compile(rf"(?P<head>(?<![\w/$-])[\"']?(?:{_NAME})[\"']?\s*(?:[=:]>?\s*|\s+))(?P<value>[^;\n]+)", re.I)
_URL = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@", re.I)
_BEARER = re.compile(r"(?P<head>\b(?:Basic|Bearer|Digest)\s+)[\w+/=.~-]{6,}")
_PEM = re.compile(r"(?P<head>-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.S)
_OPEN_ENDED = re.compile(rf"(?<![\w/$-])[\"']?(?:{_NAME})[\"']?\s*=?\s*$", re.I)


def text(value: str) -> str:
    """Prose: a log line, a program's output, an error message."""
    for pattern in (_PEM, _URL, _BEARER):
        value = pattern.sub(rf"\g<head>{MASK}", value)
    return defused(_ASSIGNED.sub(rf"\g<head>{MASK}", value))


def diff(value: str) -> str:
    """A unified diff of configuration: each line masked by itself, so that a changed secret still shows as a change."""
    lines, open_ended = [], False
    for line in value.split("\n"):
        if line.startswith(("--- ", "+++ ", "@@")):
            lines.append(defused(line))
            continue
        sign, body = line[:1], line[1:]
        masked = re.sub(r"\S.*?(?=;|$)", MASK, body, count=1) if open_ended and body.strip() else _configured(body)
        open_ended = bool(_OPEN_ENDED.search(body)) if body.strip() else open_ended
        lines.append(defused(sign + masked))
    return "\n".join(lines)


def _configured(line: str) -> str:
    for pattern in (_URL, _BEARER, _CONFIGURED):
        line = pattern.sub(rf"\g<head>{MASK}", line)
    return line


def defused(value: str) -> str:
    """Control, bidirectional and other invisible characters as escapes; newlines and tabs stay."""
    return "".join(char if char in "\n\t" or _harmless(char) else _escape(char) for char in value)


def _harmless(char: str) -> bool:
    return char == " " or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
