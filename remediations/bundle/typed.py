"""Frozen dataclasses as JSON and back, by their fields and type hints alone: a new fact needs nothing here."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from remediations.facts.base import Unknown

TYPE, BYTES, PAIRS, TEXT = "$", "$bytes", "$pairs", "text"
"""Which class an object was; where the bytes of a value are kept; a mapping whose keys are no plain words; what else
has a text of its own. A mapping's own key `$x` is written `$$x`."""
_TEXTS = (IPv4Address, IPv6Address)
LACKING = "the bundle does not hold it"

Keep = Callable[[object, bytes], str]
"""Keeps bytes of that dataclass somewhere else, and says where."""


class DamagedError(Exception):
    """What was read is not what was written; the message says where."""


class LackingError(DamagedError):
    """A field is not there: it was written before there was such a field."""


def encode(value: object, keep: Keep) -> Any:
    """As json.dumps takes it. Raises TypeError for a type that nobody has thought of."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple():
            return [encode(each, keep) for each in value]
        case frozenset():
            return sorted((encode(each, keep) for each in value), key=str)
        case IPv4Address() | IPv6Address():
            return {TYPE: type(value).__name__, TEXT: str(value)}
        case Mapping() if not all(isinstance(key, str | int) for key in value):
            return {PAIRS: [[encode(key, keep), encode(each, keep)] for key, each in value.items()]}
        case Mapping():
            return {_key(key): encode(each, keep) for key, each in value.items()}
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__}: is not known how to write it down")
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {TYPE: type(value).__name__} | {
        name: {BYTES: keep(value, each)} if isinstance(each, bytes) else encode(each, keep)
        for name, each in fields.items()
    }


def decode(hint: Any, data: object, kept: Mapping[str, bytes], where: str) -> Any:
    """The value that `encode` wrote, as the type hint wants it. Raises DamagedError, or TypeError for such a hint."""
    if get_origin(hint) in (Union, UnionType):
        return _one_of(get_args(hint), data, kept, where)
    if not _fits(hint, data):
        raise DamagedError(f"{where}: expected {_named(hint)}")
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), typing.cast("list[object]", data), kept, where)
    if get_origin(hint) is frozenset:
        (item,) = get_args(hint)
        return frozenset(decode(item, each, kept, where) for each in typing.cast("list[object]", data))
    if get_origin(hint) in (Mapping, dict):
        return _mapping(get_args(hint), typing.cast("dict[str, object]", data), kept, where)
    if hint is bytes:
        return _bytes(typing.cast("dict[str, object]", data), kept, where)
    if hint in _TEXTS:
        return _text(hint, typing.cast("dict[str, object]", data), where)
    if hint is float:
        return _float(typing.cast("float", data), where)
    if dataclasses.is_dataclass(hint):
        return _object(hint, typing.cast("dict[str, object]", data), kept, where)
    return data


@cache
def hints(cls: Any) -> Mapping[str, Any]:
    """The types of a dataclass's fields."""
    found = typing.get_type_hints(cls)
    return {field.name: found[field.name] for field in dataclasses.fields(cls)}


def lacking(hint: Any, field: dataclasses.Field[Any], where: str) -> Any:
    """What stands for a field that was not written: unknown where that is an answer, else its default."""
    if hint is Unknown or Unknown in get_args(hint):
        return Unknown(LACKING)
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise LackingError(f"{where}.{field.name}: is missing")


def _one_of(members: tuple[Any, ...], data: object, kept: Mapping[str, bytes], where: str) -> Any:
    """A fact that lacks something inside, which it must have, is lacking as a whole."""
    for member in members:
        if _fits(member, data):
            try:
                return decode(member, data, kept, where)
            except LackingError:
                if Unknown in members:
                    return Unknown(LACKING)
                raise
    raise DamagedError(f"{where}: expected {' or '.join(map(_named, members))}")


def _fits(hint: Any, data: object) -> bool:
    """Whether it has the shape of this type; TypeError for a type that nobody has thought of."""
    if hint is None or hint is NoneType:
        return data is None
    if hint in (bool, int, str):
        return type(data) is hint
    if hint is float:
        return type(data) in (int, float)
    if hint is bytes:
        return isinstance(data, dict) and BYTES in data
    origin = get_origin(hint)
    if origin is Literal:
        return isinstance(data, str | int) and data in get_args(hint)
    if origin in (tuple, frozenset):
        return isinstance(data, list)
    if origin in (Mapping, dict):
        return isinstance(data, dict) and TYPE not in data and BYTES not in data
    if dataclasses.is_dataclass(hint) or hint in _TEXTS:
        return isinstance(data, dict) and data.get(TYPE) == _named(hint)
    raise TypeError(f"{hint}: is not known how to read it")


def _object(cls: Any, data: Mapping[str, object], kept: Mapping[str, bytes], where: str) -> Any:
    """Fields that this version does not know are left out: a newer one has written them."""
    values = {}
    for field in dataclasses.fields(cls):
        hint = hints(cls)[field.name]
        at = f"{where}.{field.name}"
        found = field.name in data
        values[field.name] = decode(hint, data[field.name], kept, at) if found else lacking(hint, field, where)
    try:
        return cls(**values)
    except ValueError as error:
        raise DamagedError(f"{where}: {error}") from error


def _tuple(items: tuple[Any, ...], data: list[object], kept: Mapping[str, bytes], where: str) -> tuple[Any, ...]:
    if items[1:] == (...,):
        return tuple(decode(items[0], each, kept, f"{where}[{number}]") for number, each in enumerate(data))
    if len(items) != len(data):
        raise DamagedError(f"{where}: expected {len(items)} values")
    return tuple(decode(item, each, kept, where) for item, each in zip(items, data, strict=True))


def _mapping(items: tuple[Any, ...], data: Mapping[str, object], kept: Mapping[str, bytes], where: str) -> Any:
    key_type, item = items
    if PAIRS in data:
        pair = GenericAlias(tuple, (key_type, item))
        return dict(decode(GenericAlias(tuple, (pair, ...)), data[PAIRS], kept, where))
    found = {}
    for text, each in data.items():
        key = text.removeprefix("$") if text.startswith("$$") else text
        try:
            found[int(key) if key_type is int else key] = decode(item, each, kept, f"{where}[{key}]")
        except ValueError as error:
            raise DamagedError(f"{where}[{key}]: expected a number for a key") from error
    return found


def _bytes(data: Mapping[str, object], kept: Mapping[str, bytes], where: str) -> bytes:
    name = data[BYTES]
    if not isinstance(name, str) or name not in kept:
        raise DamagedError(f"{where}: {name} is not there")
    return kept[name]


def _text(cls: Any, data: Mapping[str, object], where: str) -> Any:
    try:
        return cls(str(data.get(TEXT)))
    except ValueError as error:
        raise DamagedError(f"{where}: {error}") from error


def _float(data: float, where: str) -> float:
    try:
        return float(data)
    except OverflowError as error:
        raise DamagedError(f"{where}: is too large") from error


def _key(key: str | int) -> str:
    text = str(key)
    return f"${text}" if text.startswith("$") else text


def _named(hint: Any) -> str:
    return "null" if hint in (None, NoneType) else getattr(hint, "__name__", None) or str(hint)
