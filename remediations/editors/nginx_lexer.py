"""Cuts an nginx configuration into words, `;`, `{` and `}` by nginx's own rules, every token with its byte offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.errors import EditError

LONGEST = 4000
"""nginx reads through a buffer of 4,096 bytes: a word or comment that does not fit there is an error to it."""

_TOKEN = re.compile(
    rb"[ \t\r\n]*+(?:"
    rb"(?P<word>(?![\"'#;{}])(?:[^ \t\r\n;{\\$]|\$\{*+|\\[\s\S])++)"
    rb"|(?P<mark>[;{}])"
    rb"|(?P<quoted>\"(?:[^\"\\]|\\[\s\S])*+\"|'(?:[^'\\]|\\[\s\S])*+')"
    rb"|(?P<comment>\#[^\n]*)"
    rb"|(?P<end>\Z))"
)
_ESCAPE = re.compile(rb"\\([\"'\\trn])")
_UNESCAPED = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
_AFTER_QUOTE = b" \t\r\n;{)"

_LUA = re.compile(
    rb"--\[(?P<comment>=*)\[|\[(?P<string>=*)\[|--[^\n]*"
    rb"|\"(?:\\[^\n]|[^\"\n\\])*+\"|'(?:\\[^\n]|[^'\n\\])*+'"
    rb"|(?P<open>[\"'])|(?P<brace>[{}])"
)
_LUA_PATIENCE = 1_000_000
"""How many bytes may be looked through for the ends of strings that have none on their line."""


@dataclass(frozen=True)
class Word:
    """One word: `data[start:end]` is its source with quotes, `value` what nginx makes of it, `quote` empty if bare."""

    start: int
    end: int
    value: bytes
    quote: bytes = b""

    @property
    def quoted(self) -> bool:
        return self.quote != b""

    @property
    def text(self) -> str:
        return self.value.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Mark:
    """A `;`, `{` or `}`; for a Lua block one mark of kind `lua` runs from its `{` past its `}`."""

    kind: str
    start: int
    end: int


def refusal(data: bytes, file: str, offset: int, why: str) -> EditError:
    """The error to raise for a file that nginx, or this lexer, cannot read: it names file and line."""
    return EditError(f"{file}:{line_at(data, offset)}: {why}")


def line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def tokens(data: bytes, file: str) -> Iterator[Word | Mark]:
    """All words and marks in order; EditError where nginx would not read on."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise refusal(data, file, 0, "starts with a byte order mark, which nginx takes for part of the first word")
    position = 0
    first: Word | None = None
    while token := _next(data, file, position):
        position = token.end
        if isinstance(token, Word):
            first = first or token
        elif token.kind == "{" and first and first.value.endswith(b"_by_lua_block"):
            token = Mark("lua", token.start, _end_of_lua(data, file, token.end))
            position = token.end
        if isinstance(token, Mark):
            first = None
        yield token


def _next(data: bytes, file: str, position: int) -> Word | Mark | None:
    """The next token from here on; None at the end of the file."""
    while match := _TOKEN.match(data, position):
        kind = match.lastgroup or ""
        start, position = match.span(kind)
        if kind == "mark":
            return Mark(match[kind].decode(), start, position)
        if kind == "end":
            return None
        if position - start > LONGEST:
            size = position - start
            raise refusal(data, file, start, f"a word or comment of {size} bytes: nginx reads at most {LONGEST}")
        if kind != "comment":
            return _word(data, file, start, position, kind == "quoted")
    start = len(data) - len(data[position:].lstrip(b" \t\r\n"))
    raise refusal(data, file, start, "the file ends within a word")


def _word(data: bytes, file: str, start: int, end: int, quoted: bool) -> Word:
    if not quoted:
        return Word(start, end, _unescape(data[start:end]))
    if end < len(data) and data[end] not in _AFTER_QUOTE:
        raise refusal(data, file, end, f"unexpected {data[end : end + 1]!r} directly after a quoted word")
    return Word(start, end, _unescape(data[start + 1 : end - 1]), data[start : start + 1])


def _unescape(source: bytes) -> bytes:
    return source if b"\\" not in source else _ESCAPE.sub(lambda match: _UNESCAPED.get(match[1], match[1]), source)


def _end_of_lua(data: bytes, file: str, position: int) -> int:
    """Past the `}` that closes the Lua block whose body starts here."""
    opened, depth, patience = position, 1, _LUA_PATIENCE
    while match := _LUA.search(data, position):
        position = match.end()
        level = match["comment"] if match["comment"] is not None else match["string"]
        if level is not None:
            position = data.find(b"]" + level + b"]", position)
            if position < 0:
                break
        elif match["open"]:
            line_end = data.find(b"\n", position)
            patience -= (len(data) if line_end < 0 else line_end) - position
            if patience < 0:
                break
        elif match["brace"]:
            depth += 1 if match["brace"] == b"{" else -1
            if depth == 0:
                return position
    raise refusal(data, file, opened, "a Lua block without its closing brace")
