"""Reads unit files and drop-ins of systemd: what a file sets, section by section."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CONTINUED = re.compile(r"\\\n(?:[ \t]*[#;][^\n]*\n)*")


def settings(data: bytes) -> Mapping[tuple[str, str], str]:
    """The value of each (section, key); of a key that is set twice the last one. Comments are left out."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in map(str.strip, _CONTINUED.sub(" ", data.decode(errors="replace")).splitlines()):
        if line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            key, _, value = line.partition("=")
            found[section, key.strip()] = value.strip()
    return found
