"""Reads one nginx configuration file into directives that know their place in its bytes."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from remediations.editors.nginx_lexer import Mark, Word, refusal, tokens

DEEPEST = 64
"""Blocks in blocks; real files stay below ten."""


@dataclass(frozen=True)
class Directive:
    """`name args;` or `name args { … }`.

    `mark` is the offset of the `;` or `{` that ends the words, `end` lies past the `;` or `}`. `block` is None for a
    simple directive; a Lua block has no directives inside, whatever its text looks like.
    """

    words: tuple[Word, ...]
    line: int
    mark: int
    end: int
    block: tuple[Directive, ...] | None = None
    lua: bool = False

    @cached_property
    def name(self) -> str:
        return self.words[0].text

    @cached_property
    def args(self) -> tuple[str, ...]:
        """What nginx sees, unescaped; bytes that are no UTF-8 survive as surrogates."""
        return tuple(word.text for word in self.words[1:])

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def body_start(self) -> int:
        """Past the `{` (for a simple directive: past its `;`)."""
        return self.mark + 1

    @property
    def body_end(self) -> int:
        """The offset of the `}` (for a simple directive: of its `;`)."""
        return self.end - 1


@dataclass
class _Open:
    """A block whose `}` has not come yet; the file itself is one without words."""

    words: tuple[Word, ...]
    mark: int
    children: list[Directive] = field(default_factory=list)


@lru_cache(maxsize=1024)
def parse(data: bytes, file: str) -> tuple[Directive, ...]:
    """The directives of a file, blocks nested; EditError names file and line where nginx would refuse the file.

    Remembered, since each remediation sees the tree with one file changed, and hosts of a fleet have the same files.
    """
    newlines = [match.start() for match in re.finditer(rb"\n", data)]
    opened = [_Open((), -1)]
    words: list[Word] = []

    def close(head: tuple[Word, ...], mark: int, end: int, block: list[Directive] | None, lua: bool) -> None:
        line = bisect_left(newlines, head[0].start) + 1
        opened[-1].children.append(Directive(head, line, mark, end, None if block is None else tuple(block), lua))

    for token in tokens(data, file):
        if isinstance(token, Word):
            words.append(token)
            continue
        _refuse_misplaced(data, file, token, words, len(opened))
        if token.kind == "{":
            opened.append(_Open(tuple(words), token.start))
        elif token.kind == "}":
            done = opened.pop()
            close(done.words, done.mark, token.end, done.children, lua=False)
        else:
            lua = token.kind == "lua"
            close(tuple(words), token.start, token.end, [] if lua else None, lua)
        words = []
    if words:
        raise refusal(data, file, len(data), f"the file ends before the `;` of {words[0].text!r}")
    if len(opened) > 1:
        raise refusal(data, file, opened[-1].mark, f"no `}}` closes the block {opened[-1].words[0].text!r}")
    return tuple(opened[0].children)


def _refuse_misplaced(data: bytes, file: str, mark: Mark, words: list[Word], depth: int) -> None:
    """`;` and `{` need a word before them, `}` needs none and an open block."""
    if (mark.kind == "}") == bool(words) or (mark.kind == "}" and depth == 1):
        raise refusal(data, file, mark.start, f"unexpected `{mark.kind}`")
    if mark.kind == "{" and depth > DEEPEST:
        raise refusal(data, file, mark.start, f"blocks nested deeper than {DEEPEST}")


def whole(data: bytes, directives: tuple[Directive, ...]) -> Directive:
    """The file as if it were a block named `main` with its braces just outside: a place to add directives to."""
    return Directive((Word(0, 0, b"main"),), 1, -1, len(data) + 1, directives)


def walk(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    """Every directive, parents before children, in the order of the file."""
    for directive in directives:
        yield directive
        yield from walk(directive.block or ())
