"""Finds playbooks, templates and the page about causes: in the package (an installed wheel), else beside it."""

from __future__ import annotations

from pathlib import Path

from remediations.errors import RemediateError

_PACKAGE = Path(__file__).resolve().parent


def find(name: str, package: Path = _PACKAGE) -> Path:
    """The folder `playbooks`, `templates` or `docs`."""
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise RemediateError(f"{package / name}: not found, nor beside the package; the installation is incomplete")


def playbooks() -> Path:
    return find("playbooks")


def templates() -> Path:
    return find("templates")


def causes() -> Path:
    """The page with a section for each cause."""
    return find("docs") / "causes.md"
