"""nginx's worker: as whom it connects, and which sockets and folders it may use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote


@dataclass(frozen=True)
class Worker:
    """The user of a worker that runs, its primary group and all its groups, as the user database has them now.

    `may` tells of each path whether the worker may connect to it (or pass through it, a folder), `anew` whether one
    that is started now may: groups that a user was given later count from then on. Empty where that cannot be tried.
    """

    user: str
    group: str
    groups: tuple[str, ...]
    may: Mapping[str, bool] = field(default_factory=dict)
    anew: Mapping[str, bool] = field(default_factory=dict)


def fact(pid: int, uid: int, paths: Sequence[str]) -> Fact[Worker]:
    """What is known of the worker with this pid, or of any other of that user."""
    words = " ".join(map(quote, paths))
    script = f"pid={pid:d} uid={uid:d}\nset -- {words}\n{fragment('worker')}"
    return Fact("worker", script, lambda stdout: parse(stdout, paths))


def parse(stdout: bytes, paths: Sequence[str]) -> Worker | Unknown:
    """`who` is what `id` prints; `may` and `anew` hold a letter a path, y or n, in order. No `anew`: it is the same."""
    found = dict(line.partition(" ")[::2] for line in lines_of(stdout, "surrogateescape"))
    user, group, *groups = re.findall(r"\d+\(([^()]*)\)", found["who"])
    may, anew = (_letters(found.get(key, ""), paths) for key in ("may", "anew"))
    return Worker(user, group, tuple(groups) or (group,), may or anew, anew or may)


def _letters(text: str, paths: Sequence[str]) -> dict[str, bool]:
    letters = text.split()
    return {path: letter == "y" for path, letter in zip(paths, letters, strict=True)} if letters else {}
