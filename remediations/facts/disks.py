"""Disks: what is mounted where, how full the local file systems are, and what fills those that are full."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of

LINKS = (
    "/var", "/var/log", "/var/log/nginx", "/var/lib", "/var/lib/nginx", "/var/lib/php", "/var/cache",
    "/var/lib/mysql", "/var/lib/postgresql", "/srv", "/home", "/var/www",
)  # fmt: skip
"""Places that operators like to put elsewhere by a symbolic link."""

_DF = re.compile(r".*?\s(?P<all>\d+)\s+(?P<used>\d+)\s+(?P<free>-?\d+)\s+(?:\d+%|-)\s+(?P<mount>/.*)")
_OCTAL = re.compile(r"\\([0-7]{3})")
_NO_FILE = re.compile(r"/(?:memfd:|SYSV|dev/|\[)")
"""Memory that only looks like a deleted file."""


@dataclass(frozen=True)
class Held:
    """A file and its bytes; where it is deleted, `pid` and `name` tell who holds it open."""

    path: str
    size: int
    pid: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Disk:
    """One local file system that can be written to; sizes in bytes, `free` what others than root may still use.

    `inodes` is 0 where it counts none.
    """

    mount: str
    kind: str
    used: int
    free: int
    inodes: int = 0
    inodes_free: int = 0

    @property
    def percent(self) -> int:
        """How full it is, as df counts it: rounded up."""
        return -(-100 * self.used // max(1, self.used + self.free))


@dataclass(frozen=True)
class Disks:
    """`mounts` holds every place where something is mounted, `disks` those that were measured, by the same names.

    `links` are places that lie elsewhere; `largest`, `deleted` and `crowded` (folders with their number of entries)
    were only looked for on file systems that are full.
    """

    mounts: tuple[str, ...]
    disks: Mapping[str, Disk]
    links: Mapping[str, str]
    largest: tuple[Held, ...] = ()
    deleted: tuple[Held, ...] = ()
    crowded: tuple[tuple[str, int], ...] = ()

    def under(self, path: str) -> Disk | None:
        """The measured file system that this path lies on; None where another one does."""
        for link in sorted(self.links, key=len, reverse=True):
            if path == link or path.startswith(f"{link}/"):
                path = self.links[link] + path[len(link) :]
                break
        above = (mount for mount in self.mounts if path == mount or path.startswith(f"{mount.rstrip('/')}/"))
        return self.disks.get(max(above, key=len, default=""))


def parse(stdout: bytes) -> Disks | Unknown:
    """Lines of a letter and its words: m(ount), k (df), i (df of inodes), l(ink), f(ile), d(eleted), n(umber)."""
    rows: dict[str, list[str]] = {}
    for line in lines_of(stdout, "surrogateescape"):
        letter, _, rest = line.partition(" ")
        rows.setdefault(letter, []).append(rest)
    kinds = {_plain(mount): kind for kind, _, mount in (row.split(" ", 2) for row in rows.get("m", ()))}
    counts = _df(rows.get("i", ()))
    disks = {
        mount: Disk(mount, kinds.get(mount, ""), used << 10, max(0, free) << 10, *counts.get(mount, (0, 0, 0))[::2])
        for mount, (_, used, free) in _df(rows.get("k", ())).items()
    }
    links = dict(row.split(" ", 1) for row in rows.get("l", ()))
    return Disks(
        tuple(kinds), disks, {link: real for link, real in links.items() if real and real != link},
        tuple(Held(path, int(size)) for size, path in (row.split(" ", 1) for row in rows.get("f", ()))),
        tuple(_deleted(rows.get("d", ()))),
        tuple((folder, int(count)) for count, folder in (row.split(" ", 1) for row in rows.get("n", ()))),
    )  # fmt: skip


def _plain(mount: str) -> str:
    """/proc/mounts writes a space as \\040."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), mount)


def _df(rows: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """All, used and free, by mount point."""
    found = (match for row in rows if (match := _DF.fullmatch(row)))
    return {match["mount"]: (int(match["all"]), int(match["used"]), int(match["free"])) for match in found}


def _deleted(rows: Sequence[str]) -> list[Held]:
    """One entry a file, however many processes hold it."""
    found: dict[tuple[str, int], Held] = {}
    for row in rows:
        size, pid, name, path = row.split(" ", 3)
        path = path.removesuffix(" (deleted)")
        if not _NO_FILE.match(path):
            found.setdefault((path, int(size)), Held(path, int(size), int(pid), name))
    return list(found.values())


FACT: Fact[Disks] = Fact("disks", f"LINKS='{' '.join(LINKS)}'\n{fragment('disks')}", parse, seconds=8)
