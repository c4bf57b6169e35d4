"""Paramiko is imported without what takes longer than a login, and nobody else notices."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

ALONE = """
import sys
{before}
from remediations.connections.ssh import paramiko_alone
import paramiko
print(paramiko.__version__, *(name for name in ("invoke", "importlib.metadata", "email") if name in sys.modules))
from importlib import metadata
print(metadata.version("invoke"))
"""


def said(before: str = "") -> list[str]:
    words = [sys.executable, "-c", ALONE.format(before=before)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


def test_it_knows_its_version_and_the_libraries_it_went_without_are_there_for_others() -> None:
    assert said() == [metadata.version("paramiko"), metadata.version("invoke")]


def test_what_is_there_already_stays() -> None:
    first, second = said("import invoke, importlib.metadata")
    assert first == f"{metadata.version('paramiko')} invoke importlib.metadata email"
    assert second == metadata.version("invoke")


def test_where_paramiko_lies_in_no_open_folder_it_asks_the_library() -> None:
    """As from a zip: its folder beside it cannot be listed."""
    hidden = "import pathlib; pathlib.Path.glob = lambda *_: []"
    assert said(hidden)[0].split() == [metadata.version("paramiko"), "importlib.metadata", "email"]
