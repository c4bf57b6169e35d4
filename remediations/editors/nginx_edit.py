"""Edits of an nginx file: each says which bytes to replace, and nothing where the file already says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from remediations.editors.nginx import Directive, parse
from remediations.editors.nginx_layout import Place, after, at_end, before
from remediations.editors.nginx_lexer import LONGEST, Word
from remediations.editors.splice import Splice
from remediations.errors import EditError

Splices = tuple[Splice, ...]
Statement = Sequence[str]
"""The words of a directive to write, unescaped: ("limit_req", "zone=one", "burst=20")."""


def set_parameter(directive: Directive, name: str, value: str) -> Splices:
    """Make `name=value` the effective parameter: the last one counts, so that one changes; nothing is ever repeated."""
    wanted = f"{name}={value}"
    standing = [word for word in directive.words[1:] if word.text.startswith(f"{name}=")]
    return _rewrite(standing[-1], wanted) if standing else _append(directive, (wanted,))


def set_arguments(data: bytes, directive: Directive, args: Sequence[str]) -> Splices:
    """Make these the directive's arguments, word by word, so that comments between them stay."""
    standing = directive.words[1:]
    changed = (splice for word, arg in zip(standing, args, strict=False) for splice in _rewrite(word, arg))
    dropped = (_drop(data, word) for word in standing[len(args) :])
    return (*changed, *dropped, *_append(directive, args[len(standing) :]))


def add_to_block(data: bytes, block: Directive, statements: Sequence[Statement]) -> Splices:
    """Write directives at the end of a block, leaving out those that stand directly in it."""
    return _write(at_end(data, block), _missing(block.block or (), statements))


def add_after(data: bytes, anchor: Directive, block: Directive, statements: Sequence[Statement]) -> Splices:
    """Write directives directly after `anchor`, which stands in `block`; those that stand in the block are left out."""
    return _write(after(data, anchor, block), _missing(block.block or (), statements))


def add_before(data: bytes, anchor: Directive, block: Directive, statements: Sequence[Statement]) -> Splices:
    """Write directives directly before `anchor`, which stands in `block`; those that stand there are left out."""
    return _write(before(data, anchor), _missing(block.block or (), statements))


def encode(value: str, quote: bytes = b"") -> bytes:
    """The source that nginx reads back as this value: bare where it can be, else quoted; a given quote is kept."""
    raw = value.encode("utf-8", "surrogateescape")
    source = raw if not quote and _reads_back(raw, raw) else _quote(raw, quote or b'"')
    if len(source) > LONGEST:
        raise EditError(f"a value of {len(source)} bytes cannot be written: nginx reads at most {LONGEST}")
    return source


def _quote(raw: bytes, quote: bytes) -> bytes:
    return quote + re.sub(rb"[\\" + quote + rb"]", rb"\\\g<0>", raw) + quote


def _reads_back(source: bytes, value: bytes) -> bool:
    """Whether nginx reads this source, alone, as one bare word of this value."""
    try:
        read = parse(b"x " + source + b";", "")
    except EditError:
        return False
    return len(read) == 1 and [(word.value, word.quote) for word in read[0].words[1:]] == [(value, b"")]


def _rewrite(word: Word, value: str) -> Splices:
    return () if word.text == value else (Splice(word.start, word.end, _encode_beside(value, word.quote)),)


def _append(directive: Directive, values: Sequence[str]) -> Splices:
    """At the end of the last word: a comment may stand between it and the `;`."""
    end = directive.words[-1].end
    return tuple(Splice(end, end, b" " + _encode_beside(value)) for value in values)


def _encode_beside(value: str, quote: bytes = b"") -> bytes:
    """As `encode`, for a word that a `{` may follow without a blank: after a bare `$` it would belong to the word."""
    return encode(value, quote or (b'"' if value.rstrip("{").endswith("$") else b""))


def _drop(data: bytes, word: Word) -> Splice:
    """The word and the blanks before it; a line break before it may end a comment, so it stays."""
    return Splice(len(data[: word.start].rstrip(b" \t")), word.end, b"")


def _missing(standing: Sequence[Directive], statements: Sequence[Statement]) -> list[bytes]:
    there = {tuple(word.text for word in directive.words) for directive in standing if directive.block is None}
    return [b" ".join(encode(word) for word in each) + b";" for each in statements if tuple(each) not in there]


def _write(place: Place, lines: Sequence[bytes]) -> Splices:
    return (Splice(place.offset, place.offset, place.render(lines)),) if lines else ()
