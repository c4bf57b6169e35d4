"""Finds the inventory, recognises what is not one of ours, and reads group_vars/ and host_vars/ beside it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from remediations.errors import InventoryError
from remediations.yaml import source as yaml_source
from remediations.yaml.node import Node, Source

DEFAULT = Path("inventory.yml")
_EXTENSIONS = ("", ".yml", ".yaml", ".json")
_SECTION = re.compile(r"\[[^\[\]]+\]\s*([#;].*)?")
_BARE_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\[\]-]*(?<!:)(\s+[A-Za-z_]\w*=.*)?(\s+#.*)?")


def find_inventory(option: str | None, environ: Mapping[str, str]) -> Path:
    """`--inventory`, else $REMEDIATE_INVENTORY, else $ANSIBLE_INVENTORY, else ./inventory.yml; not looked at yet."""
    if option == "":
        raise InventoryError("--inventory: the path of an inventory is missing")
    return Path(option or environ.get("REMEDIATE_INVENTORY") or environ.get("ANSIBLE_INVENTORY") or DEFAULT)


def read_inventory(path: Path) -> Node:
    """The inventory's YAML; an error that says what to do where the file is missing or of another kind."""
    if path.is_dir():
        raise InventoryError(f"{path}: is a folder; name one YAML file in it, inventories are not merged here")
    if not path.exists():
        hint = "; several inventories are not merged here, name one" if "," in str(path) else ""
        raise InventoryError(f"{path}: no such inventory; begin with: cp inventory.example.yml inventory.yml{hint}")
    text = yaml_source.read_text(path, InventoryError)
    kind = _other_kind(text)
    if kind:
        convert = f"ansible-inventory -i {shlex.quote(str(path))} --list --yaml > inventory.yml"
        raise InventoryError(f"{path}: is {kind}, only YAML is read here; convert it with: {convert}")
    return yaml_source.load_text(text, Source(str(path), InventoryError))


def _other_kind(text: str) -> str | None:
    if text.startswith("#!"):
        return "a script (dynamic inventory)"
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return "an INI inventory" if _SECTION.fullmatch(first) or _BARE_HOST.fullmatch(first) else None


class VarsFolder:
    """group_vars/ or host_vars/: NAME, NAME.yml, NAME.yaml, NAME.json (the first that is there) or a folder NAME/."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Listed once: a look-up must not cost a system call for each host and each extension.
        self._names = frozenset(entry.name for entry in folder.iterdir()) if folder.is_dir() else frozenset()

    def variables(self, name: str) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        for path in self._files(name):
            merged.update(_mapping(path))
        return merged

    def _files(self, name: str) -> list[Path]:
        for extension in _EXTENSIONS:
            if name + extension in self._names:
                path = self._folder / (name + extension)
                return _files_below(path) if path.is_dir() else [path]
        return []


def _files_below(folder: Path) -> list[Path]:
    """As Ansible does: sorted, without hidden files and backups, folders without an extension walked too."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            found += [] if path.suffix else _files_below(path)
        elif path.suffix in _EXTENSIONS:
            found.append(path)
    return found


def _mapping(path: Path) -> Mapping[str, Node]:
    node = yaml_source.load_file(path, InventoryError)
    return {} if node.value is None else node.mapping("", "a mapping of variables")
