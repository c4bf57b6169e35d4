"""A file that is edited, created or deleted: its bytes before and after."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from remediations.facts.files import HostFile


@dataclass(frozen=True)
class FileChange:
    """`path` is the real path. `before` is None where the file is created, `after` None where it is deleted."""

    remediation: str
    path: str
    before: HostFile | None
    after: bytes | None

    @property
    def action(self) -> Literal["create", "edit", "delete"]:
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "edit"

    @property
    def inverse(self) -> FileChange | None:
        """What puts the old bytes back; None for a created file, whose inverse is its removal."""
        return None if self.before is None else FileChange(self.remediation, self.path, None, self.before.data)

    def diff(self) -> str:
        """Unified diff of the bytes; what is not UTF-8 is shown as latin-1, a carriage return as ␍."""
        before = _lines(self.before.data if self.before else b"")
        after = _lines(self.after or b"")
        names = ("/dev/null" if self.before is None else self.path, "/dev/null" if self.after is None else self.path)
        return "".join(_unified(before, after, *names))


def text_of(data: bytes) -> str:
    """As a diff shows it: latin-1 where it is not UTF-8, a carriage return as ␍."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r", "␍")


def _lines(data: bytes) -> list[str]:
    text = text_of(data)
    return text.split("\n") if text else []


def _unified(before: list[str], after: list[str], name_before: str, name_after: str) -> list[str]:
    """As diff -u does, with its mark for a file that does not end in a newline."""
    out = []
    for line in difflib.unified_diff(_ended(before), _ended(after), name_before, name_after, lineterm=""):
        body, missing, _ = line.partition("\0")
        out.append(f"{body}\n" + ("\\ No newline at end of file\n" if missing else ""))
    return out


def _ended(lines: list[str]) -> list[str]:
    """The last piece of a split is what follows the last newline: nothing, or a line that lacks one."""
    if not lines:
        return []
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\0"]
