"""Gathers the groups and hosts that an inventory's YAML names, wherever and however often it names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from remediations.inventory import ranges
from remediations.inventory.variables import is_ip_address, is_name
from remediations.yaml.node import Node

_SECTIONS = ("hosts", "vars", "children")
_GROUP_NAME = re.compile(r"\w[\w.-]{0,199}")
_BRACKETED = re.compile(r"\[([^\[\]]+)\]:([0-9]+)")
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([0-9]+)")
_AS_YAML = "write it with: ansible-inventory -i {} --list --yaml > inventory.yml"


@dataclass
class Group:
    """What the file says of one group; `parents` are the groups that name it, `depth` is the longest way from all."""

    name: str
    variables: dict[str, Node] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    parents: dict[str, Node] = field(default_factory=dict)
    depth: int = 0
    priority: int = 1


class Tree:
    """`hosts` has each host's own variables, in the order in which the file first names the hosts."""

    def __init__(self, top: Node) -> None:
        self.groups = {name: Group(name) for name in ("all", "ungrouped")}
        self.hosts: dict[str, dict[str, Node]] = {}
        groups = top.mapping("", "a mapping of groups such as `all:`") if top.value is not None else {}
        for name, node in groups.items():
            _refuse_other_programs(name, node)
            self._read_group(name, node, name)
        self._settle_ungrouped()
        self._settle_depths(top)

    def _read_group(self, name: str, node: Node, key: str) -> Group:
        if not _GROUP_NAME.fullmatch(name):
            raise node.error(key, f"{name!r} is not a group name (letters, digits, _ . -)")
        group = self.groups.setdefault(name, Group(name))
        given = node.mapping_of(key, _SECTIONS) if node.value is not None else {}
        for section, content in given.items():  # in the order of the file, which is the order of the hosts
            self._read_section(group, section, content, f"{key}.{section}")
        return group

    def _read_section(self, group: Group, section: str, content: Node, key: str) -> None:
        if section == "vars":
            self._read_variables(group, content, key)
            return
        for name, node in _named(content, key, section).items():
            if section == "hosts":
                self._read_hosts(group, name, node, f"{key}.{name}")
            else:
                self._read_group(name, node, f"{key}.{name}").parents.setdefault(group.name, node)

    def _read_variables(self, group: Group, node: Node, key: str) -> None:
        if node.value is None:
            return
        group.variables.update(node.mapping(key, "a mapping of variables"))
        priority = group.variables.pop("ansible_group_priority", None)  # says something of the group, not of its hosts
        if priority is not None:
            if not isinstance(priority.value, int):
                raise priority.error(f"{key}.ansible_group_priority", "expected a whole number")
            group.priority = priority.value

    def _read_hosts(self, group: Group, pattern: str, node: Node, key: str) -> None:
        variables = node.mapping(key, "a mapping of variables") if node.value is not None else {}
        pattern, port = _split_port(pattern)
        own = {**({"ansible_port": Node(node.source, node.line, int(port), port)} if port else {}), **variables}
        for name in _names(pattern, node, key):
            self.hosts.setdefault(name, {}).update(own)
            group.hosts.add(name)
        if len(self.hosts) > ranges.MAXIMUM_HOSTS:
            raise node.error(key, f"the inventory has more than {ranges.MAXIMUM_HOSTS} hosts")

    def _settle_ungrouped(self) -> None:
        """Ansible's group of those that only `all` holds, whatever the file says of it."""
        grouped = {
            name for group in self.groups.values() if group.name not in ("all", "ungrouped") for name in group.hosts
        }
        self.groups["ungrouped"].hosts = self.hosts.keys() - grouped

    def _settle_depths(self, top: Node) -> None:
        for group in self.groups.values():
            if group.name != "all" and not group.parents:
                group.parents["all"] = top
        try:
            order = TopologicalSorter({group.name: group.parents for group in self.groups.values()}).static_order()
            for name in order:
                group = self.groups[name]
                group.depth = max((self.groups[parent].depth + 1 for parent in group.parents), default=0)
        except CycleError as error:
            parent, child, *_ = cycle = error.args[1]
            place = self.groups[child].parents[parent]
            raise place.error(child, f"groups hold each other in a circle: {' > '.join(cycle)}") from error


def _refuse_other_programs(name: str, node: Node) -> None:
    convert = _AS_YAML.format(node.source.label)
    if name == "_meta":
        raise node.error(name, f"this is `ansible-inventory --list` as JSON; {convert}")
    if name == "plugin" and isinstance(node.value, str):
        raise node.error(name, f"inventory plugins are not run here; {convert}")


def _named(node: Node, key: str, section: str) -> Mapping[str, Node]:
    """The names under `hosts` or `children`; a single one may stand alone, as in Ansible."""
    if node.value is None:
        return {}
    if isinstance(node.value, str) and node.text:
        return {node.text: Node(node.source, node.line, None)}
    return node.mapping(key, f"a mapping of names ({section} are written `NAME:`, not `- NAME`)")


def _split_port(pattern: str) -> tuple[str, str | None]:
    """`web1:2222`, `[2001:db8::1]:2222`; a bare IPv6 address has no port."""
    bracketed = _BRACKETED.fullmatch(pattern)
    if bracketed and is_ip_address(bracketed[1]):
        return bracketed[1], bracketed[2]
    with_port = _WITH_PORT.fullmatch(pattern)
    return (with_port[1], with_port[2]) if with_port and not is_ip_address(pattern) else (pattern, None)


def _names(pattern: str, node: Node, key: str) -> Iterator[str]:
    try:
        names = ranges.expand(pattern) if "[" in pattern else iter((pattern,))
    except ValueError as error:
        raise node.error(key, str(error)) from error
    for name in names:
        if not is_name(name):
            raise node.error(key, f"{name!r} is not a host name or IP address (ASCII letters, digits, _ . -)")
        yield name
