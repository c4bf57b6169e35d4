"""Where a new directive goes in an nginx file, and how it must look to fit in with its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from remediations.editors.nginx import Directive, parse, walk


@dataclass(frozen=True)
class Place:
    """An offset and what to write before and after each new line there."""

    offset: int
    lead: bytes
    trail: bytes
    once_before: bytes = b""
    once_after: bytes = b""

    def render(self, lines: Sequence[bytes]) -> bytes:
        return self.once_before + b"".join(self.lead + line + self.trail for line in lines) + self.once_after


def at_end(data: bytes, block: Directive) -> Place:
    """Below the last line that is not blank, indented as the block's directives are; in a one-line block, inside it."""
    is_file = block.body_end == len(data)
    if not is_file and not _is_blank(data[_line_start(data, block.body_end) : block.body_end]):
        return _before_brace(data, block)
    offset = _below(data, len(data[: block.body_end].rstrip(b" \t\r\n")))
    return _own_line(data, offset, _indent_in(data, block))


def after(data: bytes, anchor: Directive, block: Directive) -> Place:
    """On a line of its own below the anchor; on the same line where more directives or a brace follow there."""
    rest = data[anchor.end : _line_end(data, anchor.end)].strip(b" \t\r")
    if rest and not rest.startswith(b"#"):
        return Place(anchor.end, b" ", b"")
    offset = _below(data, anchor.end)
    indent = _own_indent(data, anchor)
    indent = _indent_in(data, block) if indent is None else indent
    return _own_line(data, offset, indent)


def before(data: bytes, anchor: Directive) -> Place:
    """On a line of its own above the anchor; on the same line where something stands before it there."""
    indent = _own_indent(data, anchor)
    if indent is None:
        return Place(anchor.start, b"", b" ")
    return Place(_line_start(data, anchor.start), indent, _line_ending(data, _line_end(data, anchor.start) + 1))


def _own_line(data: bytes, offset: int, indent: bytes) -> Place:
    """A line of its own here; a file without a final line feed stays without one."""
    ending = _line_ending(data, offset)
    if offset == 0 or data[:offset].endswith(b"\n"):
        return Place(offset, indent, ending)
    return Place(offset, ending + indent, b"")


def _before_brace(data: bytes, block: Directive) -> Place:
    """`{ a; }` becomes `{ a; b; }`, `{a;}` becomes `{a; b;}`, and `{}` becomes `{ b; }`."""
    offset = len(data[: block.body_end].rstrip(b" \t"))
    empty_and_tight = offset == block.body_start and offset == block.body_end
    return Place(offset, b" ", b"", once_after=b" " if empty_and_tight else b"")


def _indent_in(data: bytes, block: Directive) -> bytes:
    """As the last directive of the block that starts its line, else one step more than the block's own line."""
    for child in reversed(block.block or ()):
        indent = _own_indent(data, child)
        if indent is not None:
            return indent
    return b"" if block.body_end == len(data) else _leading_blank(data, block.start) + _step(data)


def _own_indent(data: bytes, directive: Directive) -> bytes | None:
    """The blanks before a directive that starts its line; None where something else stands before it."""
    blank = data[_line_start(data, directive.start) : directive.start]
    return blank if _is_blank(blank) else None


@lru_cache(maxsize=4)
def _step(data: bytes) -> bytes:
    """One level of indentation as most blocks of this file have it; many edits of one file ask for it again."""
    counted = Counter(_steps(data))
    return counted.most_common(1)[0][0] if counted else b"    "


def _steps(data: bytes) -> Iterator[bytes]:
    for block in walk(parse(data, "")):
        outer = _leading_blank(data, block.start)
        for child in block.block or ():
            inner = _own_indent(data, child) or b""
            if inner.startswith(outer) and inner != outer:
                yield inner[len(outer) :]


def _leading_blank(data: bytes, offset: int) -> bytes:
    line = data[_line_start(data, offset) : offset]
    return line[: len(line) - len(line.lstrip(b" \t"))]


def _line_start(data: bytes, offset: int) -> int:
    return data.rfind(b"\n", 0, offset) + 1


def _line_end(data: bytes, offset: int) -> int:
    """The offset of the line feed that ends this line, or the end of the data."""
    found = data.find(b"\n", offset)
    return len(data) if found < 0 else found


def _below(data: bytes, offset: int) -> int:
    """The start of the line below, or the end of the data where no line feed follows."""
    return min(_line_end(data, offset) + 1, len(data))


def _line_ending(data: bytes, below: int) -> bytes:
    """How the line above this offset ends; where it has no ending, how the file's first line does."""
    above = data[:below] if data[:below].endswith(b"\n") else data[: data.find(b"\n") + 1]
    return b"\r\n" if above.endswith(b"\r\n") else b"\n"


def _is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")
