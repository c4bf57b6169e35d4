"""Expands Ansible's host ranges: `web[01:50]`, `web[1:9:2]`, `db-[a:f]`, several in one name."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

MAXIMUM_HOSTS = 100_000

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"(?P<first>[0-9]{0,9}):(?P<last>[0-9]{1,9})(?::(?P<step>[0-9]{1,9}))?")
_LETTERS = re.compile(r"(?P<first>[a-zA-Z]):(?P<last>[a-zA-Z])(?::(?P<step>[0-9]{1,9}))?")


def expand(name: str) -> Iterator[str]:
    """All names that `name` stands for, the first range outermost. ValueError says what is wrong with a range."""
    parts = _BRACKETS.split(name)
    choices = [_members(part) if at % 2 else [part] for at, part in enumerate(parts)]
    count = prod(len(choice) for choice in choices)
    if count > MAXIMUM_HOSTS:
        raise ValueError(f"it stands for {count} hosts, more than {MAXIMUM_HOSTS}")
    return ("".join(chosen) for chosen in product(*choices))


def _members(inside: str) -> Sequence[str]:
    numbers = _NUMBERS.fullmatch(inside)
    if numbers:
        return _numbers(numbers["first"] or "0", numbers["last"], int(numbers["step"] or 1), inside)
    letters = _LETTERS.fullmatch(inside)
    if letters:
        return _letters(letters["first"], letters["last"], int(letters["step"] or 1), inside)
    raise ValueError(f"the range [{inside}] has not the form [01:50], [1:9:2] or [a:f]")


def _numbers(first: str, last: str, step: int, inside: str) -> Sequence[str]:
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"the range [{inside}] begins with {width} digits and must end with as many")
    numbers = range(int(first), int(last) + 1)
    _check(len(numbers), step, inside)
    return [str(number).zfill(width) for number in numbers[::step]]


def _letters(first: str, last: str, step: int, inside: str) -> Sequence[str]:
    letters = string.ascii_letters
    between = letters[letters.index(first) : letters.index(last) + 1]
    _check(len(between), step, inside)
    return between[::step]


def _check(length: int, step: int, inside: str) -> None:
    if step == 0:
        raise ValueError(f"the range [{inside}] has a step of 0")
    if length == 0:
        raise ValueError(f"the range [{inside}] ends before it begins")
    if length // step > MAXIMUM_HOSTS:
        raise ValueError(f"the range [{inside}] stands for more than {MAXIMUM_HOSTS} hosts")
