"""Turns what a playbook or `--set` gives into a remediation's dataclass, typed and checked by its annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from remediations.errors import PlaybookError, UsageError
from remediations.parameters.types import MismatchError, convert, in_words
from remediations.yaml import source as yaml_source
from remediations.yaml.node import Node, Source, near

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")


@dataclass(frozen=True)
class ParameterRow:
    """One parameter for people: `type` and `default` in words (`required` where there is none)."""

    name: str
    type: str
    default: str
    help: str


def build(cls: type[P], raw: Mapping[str, object], where: str) -> P:
    """`cls` from raw values: nodes (which know their place) or plain ones, which `where` places.

    Fields may carry metadata: min, max, pattern, unit, help. PlaybookError names the place, the key and what is
    wanted; a ValueError of `__post_init__` becomes one, too.
    """
    values = check(cls, raw, where)
    missing = [name for name, field in _fields(cls).items() if name not in values and _is_required(field)]
    if missing:
        raise PlaybookError(f"{where}: {missing[0]}: is required: {_wanted(cls, missing[0])}")
    try:
        return cls(**values)
    except ValueError as error:
        raise PlaybookError(f"{where}: {error}") from error


def check(cls: type[DataclassInstance], raw: Mapping[str, object], where: str) -> dict[str, Any]:
    """The given values, typed, without the defaults and without what only all of them together can show."""
    return {name: _value(cls, name, _node(value, where), _fields(cls)) for name, value in raw.items()}


def parse_set(text: str, known: Mapping[str, type[DataclassInstance]]) -> tuple[str, str, Node]:
    """`tune-max-children.process_mb=50` as remediation, parameter, value; `known` are the remediations of this run.

    The value is a node, so that `build` can name `--set` where it is wrong; it is checked here already.
    """
    left, equals, value = text.partition("=")
    name, dot, parameter = left.partition(".")
    if not (name and dot and parameter and equals and value.strip()):
        raise UsageError(f"--set {text}: expected NAME.PARAM=VALUE, such as tune-max-children.process_mb=50")
    if name not in known:
        raise UsageError(f"--set {text}: {name!r} is not in this run{near(name, known)}; allowed: {', '.join(known)}")
    node = _option_value(value, f"--set {left}")
    check(known[name], {parameter: node}, "")
    return name, parameter, node


def describe(cls: type[DataclassInstance]) -> tuple[ParameterRow, ...]:
    """What `catalogue` and `explain` show, in the order of the dataclass."""
    return tuple(
        ParameterRow(name, _wanted(cls, name), _default(field), str(field.metadata.get("help", "")))
        for name, field in _fields(cls).items()
    )


def _option_value(value: str, label: str) -> Node:
    if "\n" in value:
        raise UsageError(f"{label}: expected one value on one line")
    node = yaml_source.load_text(value, Source(label, UsageError, has_lines=False))
    is_flow_list = isinstance(node.value, tuple) and value.lstrip().startswith("[")
    if node.text is None and not is_flow_list:
        raise UsageError(f"{label}: expected one value, or a list such as [a, b]; quote it if it holds `: ` or `- `")
    if node.value is None and node.text == "":
        raise UsageError(f"{label}: the value is missing (YAML reads # and what follows as a comment; quote it)")
    return node


@cache
def _hints(cls: type[DataclassInstance]) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _fields(cls: type[DataclassInstance]) -> dict[str, Field[Any]]:
    return {field.name: field for field in dataclasses.fields(cls) if field.init}


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _wanted(cls: type[DataclassInstance], name: str) -> str:
    return in_words(_hints(cls)[name], _fields(cls)[name].metadata)


def _value(cls: type[DataclassInstance], name: str, node: Node, fields: Mapping[str, Field[Any]]) -> object:
    key = name if node.source.has_lines else ""  # the label of an option holds it already
    if name not in fields:
        allowed = f"allowed: {', '.join(fields)}" if fields else "it takes none"
        raise node.error("", f"unknown parameter {name!r}{near(name, fields)}; {allowed}")
    try:
        return convert(_hints(cls)[name], node, fields[name].metadata)
    except MismatchError as error:
        raise node.error(key, f"expected {_wanted(cls, name)}; {error}") from error


def _node(value: object, where: str) -> Node:
    """A plain value (of a test, of another program) as a node; it stands where the caller says."""
    if isinstance(value, Node):
        return value
    source = Source(where, PlaybookError)
    if isinstance(value, list | tuple):
        return Node(source, 0, tuple(_node(item, where) for item in value))
    if isinstance(value, Mapping):
        return Node(source, 0, {str(key): _node(item, where) for key, item in value.items()})
    if value is None or isinstance(value, bool):
        return Node(source, 0, value, {None: "null", True: "true", False: "false"}[value])
    if isinstance(value, str | int | float):
        return Node(source, 0, value, str(value))
    raise TypeError(f"{where}: {value!r} is not a value of YAML")


def _default(field: Field[Any]) -> str:
    if _is_required(field):
        return "required"
    return _shown(field.default if field.default_factory is MISSING else field.default_factory())


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "yes", False: "no"}[value]
    return str(value)
