"""A snapshot without its secrets: the same facts, of which anybody may see every byte."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from remediations import masking
from remediations.facts.files import HostFile
from remediations.facts.logs import Log
from remediations.facts.units import Unit
from remediations.masking_rules import MASK, is_secret_name
from remediations.snapshot import Snapshot

T = TypeVar("T")


def masked(snapshot: Snapshot) -> Snapshot:
    """Control characters are escaped, too, as in every report. What the inventory says of the host is left out."""
    return _masked(dataclasses.replace(snapshot, variables={}))


def _masked(value: T) -> T:
    return _of(value)  # type: ignore[no-any-return]  # it comes out as it went in


def _of(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case tuple() | frozenset():
            return type(value)(map(_of, value))
        case Mapping():
            return {_of(key): _of(each) for key, each in value.items()}
        case bytes():
            raise TypeError("bytes are not known how to mask, but as a field that has a rule")
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    names = (field.name for field in dataclasses.fields(value))
    changed = {name: _RULES.get((type(value), name), _of)(getattr(value, name)) for name in names}
    return dataclasses.replace(value, **changed)


_text = lru_cache(maxsize=10_000)(masking.text)
"""Remembered: a thousand units say `loaded`."""


@lru_cache(maxsize=1000)
def _config(data: bytes) -> bytes:
    """Line by line; what ends a line is no control character, and nginx takes a bare `\\r` for a blank."""
    pieces = re.split("(\r\n|[\r\n])", data.decode(errors="surrogateescape"))
    shown = masking.config("\n".join(pieces[::2])).split("\n")
    return "".join(itertools.chain(*itertools.zip_longest(shown, pieces[1::2], fillvalue=""))).encode()


def _log(data: bytes) -> bytes:
    return masking.text(data.decode(errors="replace")).encode()


def _environment(text: str) -> str:
    """`NAME=VALUE "NAME=A VALUE"` as systemctl prints it; where that cannot be told apart, nothing of it is shown."""
    try:
        words = shlex.split(text)
    except ValueError:
        return MASK
    return shlex.join(_assignment(word) for word in words)


def _assignment(word: str) -> str:
    name, equals, value = word.partition("=")
    return f"{name}={MASK}" if equals and value and is_secret_name(name) else _text(word)


_RULES: Mapping[tuple[type, str], Callable[[Any], Any]] = {
    (HostFile, "data"): _config,
    (Log, "data"): _log,
    (Unit, "environment"): _environment,
}
"""Whatever else is text is masked as prose."""
