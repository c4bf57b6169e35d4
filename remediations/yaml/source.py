"""Reads YAML safely into nodes that know their line; nothing in a file can run code, loop or blow up the memory."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from remediations.errors import UsageError
from remediations.yaml.node import Node, Scalar, Source

MAXIMUM_NODES = 1_000_000
MAXIMUM_DEPTH = 100

# libyaml is ten times faster; a PyYAML built without it reads the same language.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(_STANDARD + kind for kind in ("null", "bool", "int", "float", "binary", "timestamp", "str"))
_CONTAINER_TAGS = (_STANDARD + "map", _STANDARD + "seq")
_MERGE = _STANDARD + "merge"
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VAULT = "{} is encrypted with Ansible Vault, which is not decrypted here; keep it out of what this tool reads"


def read_text(path: Path, error: type[UsageError]) -> str:
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(f"{path}:{line}: is not UTF-8 text (byte 0x{data[problem.start]:02x})") from problem


def load_file(path: Path, error: type[UsageError]) -> Node:
    return load_text(read_text(path, error), Source(str(path), error))


def load_text(text: str, source: Source) -> Node:
    """One YAML document as a tree of nodes; an empty one is a null. Every fault in it raises `source.error`."""
    if text.startswith("$ANSIBLE_VAULT"):
        raise _fault(source, 1, "", _VAULT.format("the file"))
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        raise _fault(source, line, "", f"the character U+{ord(unprintable[0]):04X} is not allowed in YAML")
    try:
        _check_depth(text, source)
        loader = _LOADER(text)
        top = loader.get_single_node()
        return Node(source, 1, None, "") if top is None else _Builder(loader, source).build(top, 1, "")
    except yaml.MarkedYAMLError as problem:
        raise _syntax_error(problem, source) from problem
    except yaml.YAMLError as problem:
        raise source.error(f"{source.label}: is not YAML: {problem}") from problem


def _fault(source: Source, line: int, key: str, problem: str) -> UsageError:
    return Node(source, line, None).error(key, problem)


def _check_depth(text: str, source: Source) -> None:
    """Count the nesting before composing: libyaml's composer recurses in C and kills the process where it is deep."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAXIMUM_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise _fault(source, line, "", f"is nested deeper than {MAXIMUM_DEPTH} levels")


def _syntax_error(problem: yaml.MarkedYAMLError, source: Source) -> UsageError:
    # The snippet that PyYAML can print stays out: the line may hold a password.
    mark = problem.problem_mark or problem.context_mark
    words = " ".join(part for part in (problem.context, problem.problem) if part)
    hint = "; YAML is indented with spaces, never tabs" if "cannot start any token" in words else ""
    return _fault(source, mark.line + 1 if mark else 0, "", f"is not YAML: {words}{hint}")


class _Builder:
    """Turns PyYAML's nodes into ours. What stands behind an alias is built once, so that aliases cannot blow it up."""

    def __init__(self, loader: yaml.SafeLoader, source: Source) -> None:
        self._loader = loader
        self._source = source
        self._built: dict[int, Node] = {}
        self._open: set[int] = set()

    def build(self, raw: yaml.Node, line: int, key: str) -> Node:
        """`line` is that of the key in front, where there is one: there a person looks for the fault."""
        if id(raw) not in self._built:
            if id(raw) in self._open:
                raise self._fault(line, key, "an alias refers to the value that it stands in")
            self._open.add(id(raw))
            self._built[id(raw)] = self._node(raw, line, key)
            self._open.discard(id(raw))
        return dataclasses.replace(self._built[id(raw)], line=line)

    def _fault(self, line: int, key: str, problem: str) -> UsageError:
        return _fault(self._source, line, key, problem)

    def _node(self, raw: yaml.Node, line: int, key: str) -> Node:
        if raw.tag.startswith("!vault"):
            raise self._fault(line, key, _VAULT.format("the value"))
        if isinstance(raw, yaml.ScalarNode):
            return Node(self._source, line, self._scalar(raw, line, key), raw.value)
        if raw.tag not in _CONTAINER_TAGS:
            raise self._fault(line, key, f"the tag {_short(raw.tag)} is not allowed here")
        if isinstance(raw, yaml.MappingNode):
            mapping = self._mapping(raw, key)
            return Node(self._source, line, mapping, size=self._size(mapping.values(), line, key))
        items = tuple(self.build(child, child.start_mark.line + 1, key) for child in raw.value)
        return Node(self._source, line, items, size=self._size(items, line, key))

    def _size(self, children: Iterable[Node], line: int, key: str) -> int:
        size = 1 + sum(child.size for child in children)
        if size > MAXIMUM_NODES:
            raise self._fault(line, key, f"holds more than {MAXIMUM_NODES} values, aliases expanded")
        return size

    def _scalar(self, raw: yaml.ScalarNode, line: int, key: str) -> Scalar:
        if raw.tag == "!unsafe":  # Ansible's "text, never a template"
            return str(raw.value)
        if raw.tag not in _SCALAR_TAGS:
            raise self._fault(line, key, f"the tag {_short(raw.tag)} is not allowed here")
        try:
            value: Scalar = self._loader.construct_object(raw)
        except (ValueError, KeyError, yaml.constructor.ConstructorError) as problem:
            raise self._fault(line, key, f"{raw.value[:60]!r} is not a {_short(raw.tag)}") from problem
        return value

    def _mapping(self, raw: yaml.MappingNode, key: str) -> dict[str, Node]:
        """Keys are text as written (`502`, `yes`); a merge (`<<`) gives way to the keys beside it."""
        lines: dict[str, int] = {}
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key_node, value_node in raw.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merged = {**self._merged(value_node, line, key), **merged}
                continue
            name = self._key(key_node, line, key)
            if name in lines:
                raise self._fault(line, _joined(key, name), f"stands twice, first on line {lines[name]}")
            lines[name] = line
            own[name] = self.build(value_node, line, _joined(key, name))
        return {**merged, **own}

    def _key(self, raw: yaml.Node, line: int, key: str) -> str:
        if not isinstance(raw, yaml.ScalarNode):
            hint = "; put a value that begins with {{ in quotes" if isinstance(raw, yaml.MappingNode) else ""
            raise self._fault(line, key, f"a key must be plain text{hint}")
        if not raw.value:
            raise self._fault(line, key, "a key is missing in front of the colon")
        return str(raw.value)

    def _merged(self, raw: yaml.Node, line: int, key: str) -> dict[str, Node]:
        sources = raw.value if isinstance(raw, yaml.SequenceNode) else [raw]
        merged: dict[str, Node] = {}
        for item in sources:
            if not isinstance(item, yaml.MappingNode):
                raise self._fault(line, _joined(key, "<<"), "only a mapping, or a list of mappings, can be merged")
            built = self.build(item, line, _joined(key, "<<")).mapping(key)
            merged = {**built, **merged}
        return merged


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _short(tag: str) -> str:
    return tag.replace(_STANDARD, "!!")
