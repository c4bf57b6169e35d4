"""The inventory: which hosts there are, in which groups, with which variables; Ansible's YAML shape and precedence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from remediations.inventory import variables as host_variables
from remediations.inventory.files import VarsFolder, find_inventory, read_inventory
from remediations.inventory.host import Host
from remediations.inventory.tree import Group, Tree
from remediations.yaml.node import Node

__all__ = ["Host", "Inventory", "find_inventory", "load"]


@dataclass(frozen=True)
class Inventory:
    """`hosts` in the order of the file; `groups` from each group's name to its hosts' names, near and far."""

    path: Path
    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]]


def load(path: Path) -> Inventory:
    """Read an inventory with the group_vars/ and host_vars/ beside it. InventoryError names file, line and key."""
    path = path.expanduser()
    tree = Tree(read_inventory(path))
    members = _groups_of_hosts(tree)
    merged = _Merge(tree, path.parent)
    hosts = tuple(
        host_variables.build(name, merged.variables(name, members[name]), _shown(members[name]), path.parent)
        for name in tree.hosts
    )
    groups: dict[str, list[str]] = {name: [] for name in tree.groups}
    for name, held_by in members.items():
        for group in held_by:
            groups[group].append(name)
    return Inventory(path, hosts, {name: tuple(held) for name, held in groups.items()})


def _shown(groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in groups if name != "all"))


def _groups_of_hosts(tree: Tree) -> dict[str, frozenset[str]]:
    """Each host's groups, near and far."""
    near: dict[str, list[str]] = {name: ["all"] for name in tree.hosts}
    for group in tree.groups.values():
        for name in group.hosts:
            near[name].append(group.name)

    above: dict[str, frozenset[str]] = {}
    for group in sorted(tree.groups.values(), key=lambda group: group.depth):  # parents are never deeper
        above[group.name] = frozenset((group.name,)).union(*(above[parent] for parent in group.parents))
    return {name: frozenset().union(*(above[group] for group in groups)) for name, groups in near.items()}


class _Merge:
    """Ansible's order, later overrides earlier: vars of groups, group_vars/, vars of the host, host_vars/.

    Groups among themselves, in the first two: all, then deeper later, then `ansible_group_priority`, then the name.
    So group_vars/all.yml overrides what the inventory itself says of any group; that is Ansible's rule too.
    """

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._tree = tree
        self._host_vars = VarsFolder(folder / "host_vars")
        group_vars = VarsFolder(folder / "group_vars")
        self._group_vars = {name: group_vars.variables(name) for name in tree.groups}
        # Hosts of the same groups share one merge: a range of 10,000 hosts costs one.
        self._of_groups = cache(self._merge_groups)

    def variables(self, host: str, groups: frozenset[str]) -> dict[str, Node]:
        return {**self._of_groups(groups), **self._tree.hosts[host], **self._host_vars.variables(host)}

    def _merge_groups(self, groups: frozenset[str]) -> dict[str, Node]:
        ordered = sorted((self._tree.groups[name] for name in groups), key=_order)
        merged: dict[str, Node] = {}
        for group in ordered:
            merged.update(group.variables)
        for group in ordered:
            merged.update(self._group_vars[group.name])
        return merged


def _order(group: Group) -> tuple[int, int, str]:
    return group.depth, group.priority, group.name
