"""What an annotation of a remediation's parameter accepts, and how to say it to a person."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from remediations.yaml.node import Node, describe, has_control_characters

_WORDS: Mapping[object, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
}
_PLURALS: Mapping[object, str] = {int: "whole numbers", float: "numbers", str: "text"}


class MismatchError(Exception):
    """A value is not what the annotation wants; the message says what came instead, or why it cannot be."""


def convert(annotation: object, node: Node, limits: Mapping[str, Any]) -> object:
    """The value of `node` as `annotation` wants it, within `limits` (min, max, pattern). Raises MismatchError.

    bool, int, float, str, tuple[X, ...], Literal, unions of them. No bool is a number, no number a bool. What fits as
    it is comes first; else an int counts as a float, a number as text as it was written, one value as a list of one.
    """
    for lenient in (False, True):
        for member in _members(annotation):
            found = _converted(member, node, limits, lenient)
            if found is not _NO:
                _check_limits(found, limits)
                return found
    raise MismatchError(f"got {describe(node)}{_hint(annotation, node)}")


def in_words(annotation: object, limits: Mapping[str, Any]) -> str:
    """`a whole number, 1 to 100 (MiB)`, `one of running, restarted`, `a list of text`, `text or null`."""
    members = _members(annotation)
    words = " or ".join(_member_in_words(member) for member in members if member is not NoneType)
    low, high = limits.get("min"), limits.get("max")
    if low is not None and high is not None:
        words += f", {low} to {high}"
    elif low is not None or high is not None:
        words += f", at least {low}" if high is None else f", at most {high}"
    words += f" ({limits['unit']})" if "unit" in limits else ""
    return f"{words} or null" if NoneType in members else words


_NO = object()


def _members(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _member_in_words(member: object) -> str:
    if get_origin(member) is Literal:
        choices = [str(choice) for choice in get_args(member)]
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if get_origin(member) is tuple:
        item = _item_type(member)
        return f"a list of {_PLURALS.get(item) or in_words(item, {})}"
    return _WORDS[member]


def _item_type(member: object) -> object:
    item, *rest = get_args(member)
    if rest != [...]:
        raise TypeError(f"{member}: only tuple[X, ...] is a parameter's type")
    return item


def _converted(member: object, node: Node, limits: Mapping[str, Any], lenient: bool) -> object:
    if get_origin(member) is Literal:
        return _literal(get_args(member), node)
    if get_origin(member) is tuple:
        return _tuple(_item_type(member), node, limits, lenient)
    if member is str:
        return _text(node, lenient)
    if member is float:
        return _float(node, lenient)
    if member not in _WORDS:
        raise TypeError(f"{member}: is not a parameter's type")
    return node.value if type(node.value) is member else _NO


def _literal(choices: tuple[object, ...], node: Node) -> object:
    """YAML 1.1 reads a bare yes, no, on, off as booleans: what was written counts."""
    for choice in choices:
        if choice == node.text if isinstance(choice, str) else (type(choice), choice) == (type(node.value), node.value):
            return choice
    return _NO


def _float(node: Node, lenient: bool) -> object:
    if type(node.value) is float and math.isfinite(node.value):
        return node.value
    return float(node.value) if lenient and type(node.value) is int else _NO


def _text(node: Node, lenient: bool) -> object:
    accepted = (str, int, float, datetime.date) if lenient else (str,)
    if node.text is None or isinstance(node.value, bool) or not isinstance(node.value, accepted):
        return _NO
    if has_control_characters(node.text):
        raise MismatchError("got control characters or a line break")
    return node.text


def _tuple(item: object, node: Node, limits: Mapping[str, Any], lenient: bool) -> object:
    if isinstance(node.value, tuple):
        return tuple(convert(item, child, limits) for child in node.value)
    if not lenient or node.text is None or node.value is None or "," in node.text:
        return _NO
    return (convert(item, node, limits),)


def _check_limits(value: object, limits: Mapping[str, Any]) -> None:
    """min and max hold for numbers, the pattern for text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not limits.get("min", -math.inf) <= value <= limits.get("max", math.inf):
            raise MismatchError(f"got {value}")
    elif isinstance(value, str) and "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        raise MismatchError(f"got {value!r}, which does not match {limits['pattern']}")


def _hint(annotation: object, node: Node) -> str:
    wants_list = any(get_origin(member) is tuple for member in _members(annotation))
    return f"; a list is written [{node.text}]" if wants_list and node.text and "," in node.text else ""
