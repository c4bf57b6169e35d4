"""Paths: what lies at a name, without reading it (sockets, folders)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, lines_of
from remediations.quoting import quote


@dataclass(frozen=True)
class PathStatus:
    """`kind` as stat names it ("socket", "directory"; "symbolic link" for one that leads nowhere); None: nothing there.

    `real` is where the path leads, all links followed.
    """

    path: str
    kind: str | None
    mode: str = ""
    owner: str = ""
    group: str = ""
    real: str = ""

    @property
    def rights(self) -> str:
        """What decides who may use it, as a person reads it."""
        return f"{self.kind}, owner {self.owner}, group {self.group}, mode {self.mode}"

    @property
    def is_folder(self) -> bool:
        return self.kind == "directory"


Paths = Mapping[str, PathStatus]


def folders(path: str) -> tuple[str, ...]:
    """The folders on the way to a path, from the root's own down."""
    parts = posixpath.normpath(path).strip("/").split("/")[:-1]
    return tuple("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))


def fact(paths: Sequence[str], name: str = "paths") -> Fact[Paths]:
    """What lies at each of these paths."""
    words = " ".join(quote(path) for path in paths)
    script = f"""
for path in {words}; do
  stat -L -c '%F|%a|%U|%G' -- "$path" 2>/dev/null || stat -c '%F|%a|%U|%G' -- "$path" 2>/dev/null || echo '|||'
  readlink -f -- "$path" 2>/dev/null || echo
done
exit 0
"""
    return Fact(name, script, lambda stdout: parse(stdout, paths))


def parse(stdout: bytes, paths: Sequence[str]) -> Paths | Unknown:
    """Two lines a path, in order: what lies there, empty where nothing does, and where it leads."""
    lines = lines_of(stdout, "surrogateescape")
    if len(lines) != 2 * len(paths):
        return Unknown("not every path was answered")
    found = {}
    for path, line, real in zip(paths, lines[::2], lines[1::2], strict=True):
        kind, mode, owner, group = line.split("|")
        found[path] = PathStatus(path, kind or None, mode, owner, group, real)
    return found
