"""What a variable of nginx's configuration may hold, as far as it is written down: by `set`, `map` and their like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_tree import Node

MOST_TEXTS = 64
DEEPEST = 4
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_TABLES = ("map", "geo", "split_clients")
_SWITCHES = ("hostnames", "volatile", "include", "ranges", "proxy", "proxy_recursive", "delete")


@dataclass(frozen=True)
class Value:
    """A literal text that a variable may hold, and the directive that says so: its last argument."""

    node: Node

    @property
    def text(self) -> str:
        return self.node.args[-1] if self.node.args else ""


def values(place: Node, name: str) -> tuple[Value, ...]:
    """What the variable may hold where `place` stands: a `set` there, or of a block around it, goes before tables."""
    return tuple(Value(node) for node in _set(place, name)) or tuple(_tabled(place, name))


def expand(place: Node, text: str, depth: int = 0) -> tuple[str, ...]:
    """The texts that `text` may stand for; a variable that is written down nowhere stays as it is."""
    for match in VARIABLE.finditer(text):
        known = values(place, match[1] or match[2])
        if known and depth < DEEPEST:
            texts = (text[: match.start()] + one.text + text[match.end() :] for one in known)
            return tuple(dict.fromkeys(each for one in texts for each in expand(place, one, depth + 1)))[:MOST_TEXTS]
    return (text,)


def sources(place: Node, text: str, depth: int = 0) -> Iterator[Value]:
    """Every value that may become part of `text`."""
    for match in VARIABLE.finditer(text):
        for one in values(place, match[1] or match[2]):
            yield one
            if depth < DEEPEST:
                yield from sources(place, one.text, depth + 1)


def _set(place: Node, name: str) -> Iterator[Node]:
    """The last `set` of the innermost block that has one, and those inside an `if` up to there."""
    for block in place.ancestors():
        yield from (one for inner in block.named("if") for one in _sets(inner, name))
        if found := _sets(block, name):
            yield found[-1]
            return


def _sets(block: Node, name: str) -> list[Node]:
    return [node for node in block.named("set") if len(node.args) == 2 and node.args[0] == f"${name}"]


def _tabled(place: Node, name: str) -> Iterator[Value]:
    http = place.enclosing("http")
    for table in http.named(*_TABLES) if http else ():
        if table.args[-1:] == (f"${name}",):
            yield from (Value(row) for row in table.children if row.args and row.name not in _SWITCHES)
