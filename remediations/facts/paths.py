"""Paths: what lies at a name, without reading it (sockets, folders)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, lines_of
from remediations.quoting import quote


@dataclass(frozen=True)
class PathStatus:
    """`kind` as stat names it ("socket", "directory"); None where nothing lies there."""

    path: str
    kind: str | None
    mode: str = ""
    owner: str = ""
    group: str = ""


Paths = Mapping[str, PathStatus]


def fact(paths: Sequence[str]) -> Fact[Paths]:
    """What lies at each of these paths."""
    words = " ".join(quote(path) for path in paths)
    script = f"""
for path in {words}; do
  stat -L -c '%F|%a|%U|%G|%n' -- "$path" 2>/dev/null || echo "|||| $path"
done
exit 0
"""
    return Fact("paths", script, lambda stdout: parse(stdout, paths))


def parse(stdout: bytes, paths: Sequence[str]) -> Paths | Unknown:
    """One line a path, in order; an empty kind where stat found nothing."""
    lines = lines_of(stdout, "surrogateescape")
    if len(lines) != len(paths):
        return Unknown("not every path was answered")
    found = {}
    for path, line in zip(paths, lines, strict=True):
        kind, mode, owner, group, _ = line.split("|", 4)
        found[path] = PathStatus(path, kind or None, mode, owner, group)
    return found
