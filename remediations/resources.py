"""Finds the playbooks and templates: inside the package (an installed wheel) first, beside it (a checkout) second."""

from __future__ import annotations

from pathlib import Path

from remediations.errors import RemediateError

_PACKAGE = Path(__file__).resolve().parent


def find(name: str, package: Path = _PACKAGE) -> Path:
    """The folder `playbooks` or `templates`."""
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise RemediateError(f"{package / name}: not found, nor beside the package; the installation is incomplete")


def playbooks() -> Path:
    return find("playbooks")


def templates() -> Path:
    return find("templates")
