"""The lock files: all is pinned and hashed, in one version, nothing that the project asks for is left out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
LOCKS = ("run.lock", "dev.lock")


def text(lock: str) -> str:
    return (CHECKOUT / "requirements" / lock).read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str]]:
    """Names and versions; a package may stand there twice, for different Pythons."""
    return set(re.findall(r"^([a-z0-9-]+)==([^ ;\n]+)", text(lock), re.MULTILINE))


def names(lock: str) -> set[str]:
    return {name for name, _ in pins(lock)}


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", each)[0].lower().replace("_", "-") for each in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes_and_no_registry_is_named(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", text(lock), flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(lock)) >= 10
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.search(r"://|index-url|find-links", text(lock)) is None


def test_what_is_tested_is_what_runs() -> None:
    assert pins("run.lock") - pins("dev.lock") == set()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = named(project["project"]["dependencies"])
    assert asked - names("run.lock") == set()
    assert asked | named(project["dependency-groups"]["dev"]) <= names("dev.lock")
