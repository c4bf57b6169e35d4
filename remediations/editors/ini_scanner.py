"""Read ini text the way PHP's own ini parser does (its NORMAL mode), keeping for every word where it stands.

The rules are those of PHP 8.2's scanner and are held by a differential test against PHP itself: `;` starts a comment,
`#` never does; quotes and escapes are undone; `yes`, `on`, `none` … become "1" and ""; a lone CR ends a line; words in
a row join. What only a running PHP can know (`${VAR}`, constants, `|` and `&`) is marked, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from remediations.errors import EditError

_END = re.compile(rb"[ \t]*(?:;[^\r\n]*)?(?:\r\n|\r|\n|\Z)")
_BLANKS = re.compile(rb"[ \t]+")
_LABEL = re.compile(rb'[^=\n\r\t;&|^$~(){}!"\[\0]+')
_EQUALS = re.compile(rb"[ \t]*=[ \t]*")
_OFFSET_OPENS = re.compile(rb"\[[ \t]*")
_OFFSET_CLOSES = re.compile(rb"[ \t]*\]")
_SECTION_CLOSES = re.compile(rb"\]")
_RAW = re.compile(rb"'([^']+)'")
_VARIABLE = re.compile(rb"\$\{" + _LABEL.pattern + rb"\}")
_QUOTE_OPENS = re.compile(rb'[ \t]*"')
_QUOTE_CLOSES = re.compile(rb'"[ \t]*')
# A backslash takes the next byte along, save for `\"` at the end of a line: there the quote closes (Windows paths).
_QUOTED = re.compile(rb'(?:[^"$\\]|\$(?!\{)|\\(?="(?:[\r\n]|\Z))|\\(?!"(?:[\r\n]|\Z))[\s\S])+')
_ESCAPE = re.compile(rb"\\([\"'\\])")
# PHP lets `$` swallow the byte behind it, be it a blank, a quote or the line's end: such a text is refused here.
_DOLLAR = rb"\$[^{\0 \t\r\n\"'\\;\]]"
_WORD = re.compile(rb"(?:[^$= \t\n\r;&|^~()!\"'\0]|" + _DOLLAR + rb")+")
_BRACKETED = re.compile(rb"(?:[^$\n\r;\"'\]\\\0]|\\[^\r\n\0]|" + _DOLLAR + rb")+")
_OPERATOR = re.compile(rb"[&|^~()!][ \t]*")
_CONSTANT = re.compile(rb"[A-Z][A-Z0-9]*_\w*|[A-Z][A-Z0-9]{2,}")
_KEYWORD = re.compile(rb"(?i:(true|on|yes)|(?:false|off|none|null|no))[ \t]*")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Section:
    """`[name]`; start and end are the byte offsets of the brackets."""

    name: bytes
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Entry:
    """`key = value` or `key[offset] = value`; `value` is None where the key stands alone.

    `start`/`end` enclose the key with its offset, `value_start`/`value_end` the value as written: with its quotes,
    without blanks and comment. `evaluated` is False where the value holds a variable, an operator or what may be a
    constant; then `value` is the text as written.
    """

    key: bytes
    offset: bytes | None
    value: bytes | None
    evaluated: bool
    line: int
    start: int
    end: int
    value_start: int
    value_end: int


Statement = Section | Entry


def scan(data: bytes, file: str, *, start: int = 0, end: int | None = None, line: int = 1) -> Iterator[Statement]:
    """The statements in data[start:end], whose first byte stands in the given line; EditError where PHP refuses one."""
    stop = len(data) if end is None else end
    if (nul := data.find(b"\0", start, stop)) >= 0:
        raise EditError(f"{file}:{line + data.count(bytes([10]), start, nul)}: a NUL byte")
    return _Scanner(data, file, start, stop, line).statements()


@dataclass(frozen=True)
class _Text:
    """What a word means; an operator is never evaluated here."""

    value: bytes
    evaluated: bool = True
    operator: bool = False


class _Scanner:
    """A buffer and a place in it; one method for each state of PHP's scanner."""

    def __init__(self, data: bytes, file: str, start: int, end: int, line: int) -> None:
        self._data, self._file, self._end = data, file, end
        self._line, self._counted = line, start
        self._at = start + len(_BOM) if data.startswith(_BOM, start, end) else start

    def statements(self) -> Iterator[Statement]:
        while self._at < self._end:
            if self._take(_END) or self._take_blanks():
                continue
            if self._peek(_EQUALS):
                raise self._refused("PHP refuses a '=' without a key")
            yield self._section() if self._sees(b"[") else self._entry()

    def _peek(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        return pattern.match(self._data, self._at, self._end)

    def _take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        match = self._peek(pattern)
        if match:
            self._at = match.end()
        return match

    def _sees(self, byte: bytes) -> bool:
        return self._data.startswith(byte, self._at, self._end)

    def _number(self) -> int:
        self._line += self._data.count(b"\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _refused(self, problem: str) -> EditError:
        return EditError(f"{self._file}:{self._number()}: {problem}")

    def _take_blanks(self) -> bool:
        """Blanks before a statement. A label may begin with spaces, and the longer of the two wins, as in PHP."""
        blanks, label = self._peek(_BLANKS), self._peek(_LABEL)
        if not blanks or (label and label.end() >= blanks.end()):
            return False
        self._at = blanks.end()
        return True

    def _section(self) -> Section:
        start, line = self._at, self._number()
        self._at += 1
        name = self._bracketed(_SECTION_CLOSES)
        return Section(name, line, start, self._at)

    def _entry(self) -> Entry:
        line, label = self._number(), self._take(_LABEL)
        if label is None:
            raise self._refused(f"PHP refuses {self._data[self._at : self._at + 1]!r} where a setting should begin")
        if (keyword := _KEYWORD.match(self._data, label.start(), self._end)) and keyword.end() >= label.end():
            raise self._refused(f"PHP refuses {keyword[0].strip()!r} as a key")
        key = label[0].strip(b" ")
        start = label.start() + len(label[0]) - len(label[0].lstrip(b" "))
        offset = self._bracketed(_OFFSET_CLOSES) if self._take(_OFFSET_OPENS) else None
        end = start + len(key) if offset is None else self._at
        if self._take(_EQUALS):
            value_start = self._at
            value, value_end = self._value()
            return Entry(key, offset, value.value, value.evaluated, line, start, end, value_start, value_end)
        if offset is not None:
            raise self._refused("PHP expects '=' after ']'")
        return Entry(key, None, None, True, line, start, end, end, end)

    def _bracketed(self, closing: re.Pattern[bytes]) -> bytes:
        parts: list[bytes] = []
        while not self._take(closing):
            text = self._first_of(self._raw, self._quoted, self._variable, self._bracketed_text)
            if text is None:
                raise self._refused("a '[' whose ']' is missing")
            parts.append(text.value)
        return b"".join(parts)

    def _value(self) -> tuple[_Text, int]:
        """The value as PHP joins it, and where its last byte stands."""
        start = self._at
        parts = self._words(start)
        end = start + len(self._data[start : self._at].rstrip(b" \t"))
        self._at += self._sees(b"''")
        if all(part.evaluated for part in parts):
            return _Text(b"".join(part.value for part in parts)), end
        return _Text(self._data[start:end], evaluated=False), end

    def _words(self, start: int) -> list[_Text]:
        parts: list[_Text] = []
        keyword = self._keyword()
        while not self._ends_value(bool(parts) or keyword is not None):
            text = self._first_of(self._raw, self._quoted, self._variable, self._word)
            if text is None or keyword or self._peek_keyword():
                raise self._refused(f"PHP refuses the value {self._data[start : self._at + 1]!r}")
            parts.append(text)
        if not _is_expression(parts):
            raise self._refused(f"PHP refuses the expression {self._data[start : self._at]!r}")
        return [keyword] if keyword else parts

    def _ends_value(self, begun: bool) -> bool:
        """The line's end; or '', which PHP takes for one; or a ' without its fellow, behind which PHP reads nothing."""
        if self._at >= self._end or self._peek(_END) or self._sees(b"''"):
            return True
        if begun and self._sees(b"'") and not self._peek(_RAW):
            self._end = self._at
            return True
        return False

    def _first_of(self, *readers: Callable[[], _Text | None]) -> _Text | None:
        return next((text for reader in readers if (text := reader()) is not None), None)

    def _peek_keyword(self) -> re.Match[bytes] | None:
        keyword, word = self._peek(_KEYWORD), self._peek(_WORD)
        return keyword if keyword and word and word.end() <= keyword.end() else None

    def _keyword(self) -> _Text | None:
        keyword = self._peek_keyword()
        if keyword is None:
            return None
        self._at = keyword.end()
        return _Text(b"1" if keyword[1] else b"")

    def _raw(self) -> _Text | None:
        match = self._take(_RAW)
        return _Text(match[1]) if match else None

    def _variable(self) -> _Text | None:
        match = self._take(_VARIABLE)
        return _Text(match[0], evaluated=False) if match else None

    def _word(self) -> _Text | None:
        match = self._take(_WORD)
        if match:
            return _Text(match[0], evaluated=not _CONSTANT.fullmatch(match[0]))
        if match := self._take(_OPERATOR):
            return _Text(match[0][:1], evaluated=False, operator=True)
        match = self._take(_BLANKS)
        return _Text(match[0]) if match else None

    def _bracketed_text(self) -> _Text | None:
        match = self._take(_BRACKETED)
        return _Text(match[0]) if match else None

    def _quoted(self) -> _Text | None:
        if not self._take(_QUOTE_OPENS):
            return None
        parts: list[_Text] = []
        while not self._take(_QUOTE_CLOSES):
            text = self._variable() or self._quoted_text()
            if text is None:
                raise self._refused("a quote that is not closed")
            parts.append(text)
        return _Text(b"".join(part.value for part in parts), all(part.evaluated for part in parts))

    def _quoted_text(self) -> _Text | None:
        match = self._take(_QUOTED)
        return _Text(_ESCAPE.sub(rb"\1", match[0])) if match else None


def _is_expression(parts: list[_Text]) -> bool:
    """Whether operators and brackets stand where PHP's grammar has them; words in a row are one operand."""
    depth, has_operand, closed = 0, False, False
    for part in parts:
        if not part.operator:
            if closed:
                return False
            has_operand = True
        elif part.value in (b"|", b"&", b"^", b")"):
            if not has_operand:
                return False
            closed = part.value == b")"
            has_operand, depth = closed, depth - closed
        else:
            if has_operand:
                return False
            depth += part.value == b"("
        if depth < 0:
            return False
    return depth == 0 and (has_operand or not parts)
