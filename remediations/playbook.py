"""A playbook: which remediations, on which hosts, with which parameters, and when it counts a host as healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from remediations import health_settings, parameters, resources
from remediations.errors import PlaybookError
from remediations.health_settings import HealthSettings
from remediations.yaml import source as yaml_source
from remediations.yaml.node import Node, describe, near

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Known: TypeAlias = "Mapping[str, type[DataclassInstance]]"

_KEYS = ("name", "hosts", "health", "remediations")


@dataclass(frozen=True)
class Entry:
    """One remediation of a playbook. `when` None means: always converge. The parameters are checked, not yet built."""

    remediation: str
    parameters: Mapping[str, Node]
    when: Literal["finding"] | None
    file: Path
    line: int

    @property
    def where(self) -> str:
        """What `parameters.build` puts in front of an error."""
        return f"{self.file}:{self.line}: {self.remediation}"


@dataclass(frozen=True)
class Play:
    """`hosts` are patterns for `patterns.select`; `health` None means that the playbook says nothing of it."""

    name: str
    hosts: tuple[str, ...]
    health: HealthSettings | None
    entries: tuple[Entry, ...]
    file: Path


def load_playbook(name_or_path: str, known: Known) -> Play:
    """A playbook by its bare name (`502`), or by a path, which holds a `/` or ends in .yml or .yaml.

    `known` are all remediations with their parameters' dataclasses. PlaybookError names file, line and key.
    """
    path = _find(name_or_path)
    top = yaml_source.load_file(path, PlaybookError)
    if isinstance(top.value, tuple):
        raise top.error("", f"expected a mapping with the keys {', '.join(_KEYS)}, got a list (an Ansible playbook?)")
    keys = top.mapping_of("", _KEYS)
    if "remediations" not in keys:
        raise top.error("remediations", "is missing: the list of what to do")
    return Play(
        name=keys["name"].string("name") if "name" in keys else path.stem,
        hosts=_hosts(keys["hosts"]) if "hosts" in keys else ("all",),
        health=health_settings.parse(keys["health"]) if "health" in keys else None,
        entries=_entries(keys["remediations"], path, known),
        file=path,
    )


def available() -> tuple[str, ...]:
    """The names of the playbooks that come with the toolkit."""
    return tuple(sorted(path.stem for path in resources.playbooks().glob("*.yml")))


def _find(name_or_path: str) -> Path:
    if "/" in name_or_path or name_or_path.endswith((".yml", ".yaml")):
        return Path(name_or_path).expanduser()
    names = available()
    if name_or_path not in names:
        raise PlaybookError(
            f"--playbook {name_or_path}: no such playbook{near(name_or_path, names)}; there are: {', '.join(names)}; "
            "a file of your own is named by its path, such as ./mine.yml"
        )
    return resources.playbooks() / f"{name_or_path}.yml"


def _hosts(node: Node) -> tuple[str, ...]:
    """One pattern or a list of them."""
    patterns = node.value if isinstance(node.value, tuple) else (node,)
    if not patterns:
        raise node.error("hosts", "expected a host pattern or a list of them, got an empty list")
    return tuple(pattern.string("hosts", "a host pattern") for pattern in patterns)


def _entries(node: Node, path: Path, known: Known) -> tuple[Entry, ...]:
    items = node.sequence("remediations", "a list of remediations (`- NAME`)")
    if not items:
        raise node.error("remediations", "is empty: nothing would be done")
    entries: dict[str, Entry] = {}
    for at, item in enumerate(items):
        entry = _entry(item, f"remediations[{at}]", path, known)
        if entry.remediation in entries:
            first = entries[entry.remediation].line
            raise item.error(f"remediations[{at}]", f"{entry.remediation} stands twice, first on line {first}")
        entries[entry.remediation] = entry
    return tuple(entries.values())


def _entry(item: Node, key: str, path: Path, known: Known) -> Entry:
    """`- NAME`, `- NAME: {…}` or `- NAME:`, the last two with `when: finding` beside the name."""
    if not isinstance(item.value, Mapping):
        name = item.string(key, "a remediation's name, or NAME: {parameters}")
        _check_known(name, item, key, known)
        return Entry(name, {}, None, path, item.line)
    name = _name(item, item.value, key, known)
    content = item.value[name]
    given = content.mapping(name, f"the parameters of {name} as a mapping") if content.value is not None else {}
    entry = Entry(name, given, _when(item.value.get("when"), name), path, content.line)
    parameters.check(known[name], given, entry.where)
    return entry


def _name(item: Node, keys: Mapping[str, Node], key: str, known: Known) -> str:
    names = [name for name in keys if name != "when"]
    if not names:
        raise item.error(key, "no remediation is named here")
    _check_known(names[0], keys[names[0]], key, known)
    for other in names[1:]:
        hint = f"write `- {other}` for a remediation of its own" if other in known else "indent a parameter further"
        raise keys[other].error(key, f"unknown key {other!r} beside {names[0]}; allowed: when; {hint}")
    return names[0]


def _check_known(name: str, node: Node, key: str, known: Known) -> None:
    if name not in known:
        raise node.error(key, f"unknown remediation {name!r}{near(name, known)}; allowed: {', '.join(sorted(known))}")


def _when(node: Node | None, name: str) -> Literal["finding"] | None:
    if node is None:
        return None
    if node.value != "finding":
        raise node.error(f"{name}: when", f"expected finding (or no `when` at all), got {describe(node)}")
    return "finding"
