"""A YAML value that knows where it stands, so that an error can name file, line and key."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from remediations.errors import UsageError

Scalar: TypeAlias = str | bool | int | float | bytes | datetime.date | None
Value: TypeAlias = "Scalar | tuple[Node, ...] | Mapping[str, Node]"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Source:
    """What a text is called in messages, and the error that its faults raise; an option's value has no lines."""

    label: str
    error: type[UsageError]
    has_lines: bool = True


@dataclass(frozen=True, eq=False)
class Node:
    """One value and its place. `text` is a scalar as it was written, None for a container; `size` counts values."""

    source: Source
    line: int
    value: Value
    text: str | None = None
    size: int = 1

    @property
    def where(self) -> str:
        return f"{self.source.label}:{self.line}" if self.source.has_lines and self.line else self.source.label

    def error(self, key: str, problem: str) -> UsageError:
        message = ": ".join(part for part in (self.where, key, problem) if part)
        # A key may hold the escape codes of a terminal: YAML writes them "\e[31m".
        return self.source.error(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", message))

    def plain(self) -> object:
        """The value without places, as yaml.safe_load gives it, except that keys are text as written."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def mapping(self, key: str, wanted: str = "a mapping") -> Mapping[str, Node]:
        if not isinstance(self.value, Mapping):
            raise self.error(key, f"expected {wanted}, got {describe(self)}")
        return self.value

    def mapping_of(self, key: str, allowed: tuple[str, ...]) -> Mapping[str, Node]:
        """This mapping, refused where it holds a key that is not allowed."""
        mapping = self.mapping(key, f"a mapping with the keys {', '.join(allowed)}")
        for name, child in mapping.items():
            if name not in allowed:
                raise child.error(key, f"unknown key {name!r}{near(name, allowed)}; allowed: {', '.join(allowed)}")
        return mapping

    def sequence(self, key: str, wanted: str = "a list") -> tuple[Node, ...]:
        if not isinstance(self.value, tuple):
            raise self.error(key, f"expected {wanted}, got {describe(self)}")
        return self.value

    def string(self, key: str, wanted: str = "text") -> str:
        """Text, or a number as it was written (502, 8.10); never empty, never with control characters."""
        text = self.text
        if text is None or isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            hint = "; quote it if it is meant as text" if self.value is not None and text is not None else ""
            raise self.error(key, f"expected {wanted}, got {describe(self)}{hint}")
        if not text or has_control_characters(text):
            raise self.error(key, f"expected {wanted}, got {'control characters' if text else 'empty text'}")
        return text


def has_control_characters(text: str) -> bool:
    return _CONTROL.search(text) is not None


def describe(value: object) -> str:
    """A value in words, for messages: `a list`, `the number 5`, `the text 'abc'`, `nothing (null)`."""
    text = value.text if isinstance(value, Node) else None
    value = value.value if isinstance(value, Node) else value
    if value is None:
        return "nothing (null)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    shown = str(value) if text is None else text
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if isinstance(value, bool):
        return f"the boolean {shown}"
    if isinstance(value, int | float):
        return f"the number {shown}"
    return f"the date {shown}" if isinstance(value, datetime.date) else f"the text {shown!r}"


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` where a known name is close, else nothing."""
    close = closest(name, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def closest(name: str, known: Iterable[str], count: int) -> list[str]:
    import difflib  # only where something is wrong: it costs more than reading a small inventory

    return difflib.get_close_matches(name, list(known), n=count)
