"""Files of the host: bytes, real path, owner, mode, times, read in one frame with a hash that proves them whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment
from remediations.quoting import quote

MAX_FILE_KIB = 1024
MAX_FILES = 20_000
MAX_ALL_BYTES = 16 * 1024 * 1024
"""Of one answer; what else a fact says before its files is at most MAX_FACT_BYTES."""


@dataclass(frozen=True)
class HostFile:
    """One regular file as it was read. `path` is the name it is known by, `real_path` what the name leads to.

    `mode` is octal as stat prints it (`644`); `modified` is the content's mtime and `link_modified` that of the
    name itself (a fresh symlink to an old file), both in seconds since the epoch.
    """

    path: str
    real_path: str
    data: bytes
    mode: str
    uid: int
    gid: int
    links: int
    inode: str
    modified: float
    link_modified: float

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def changed(self) -> float:
        """When what a daemon reads under this name last became different."""
        return max(self.modified, self.link_modified)


Files = Mapping[str, HostFile]


def new_file(path: str, data: bytes = b"") -> HostFile:
    """A file that is not there yet, as it is created: root's, mode 644."""
    return HostFile(path, path, data, "644", 0, 0, 1, "", 0.0, 0.0)


EMIT_FILES = f"MAX_FILE_KIB={MAX_FILE_KIB}\n{fragment('files')}"


def script(patterns: Sequence[str]) -> str:
    """A fragment that sends every file named by absolute paths or shell globs."""
    words = " ".join(_glob(pattern) for pattern in patterns)
    return f"{EMIT_FILES}\nemit_files {words}\n"


def fact(patterns: Sequence[str]) -> Fact[Files]:
    """Every file named by absolute paths or shell globs."""
    return Fact("files", script(patterns), parse, most=MAX_ALL_BYTES)


def _glob(pattern: str) -> str:
    """Quoted for the shell, glob characters left to work."""
    parts, plain = [], ""
    for char in pattern:
        if char in "*?[]":
            parts += [quote(plain) if plain else "", char]
            plain = ""
        else:
            plain += char
    return "".join([*parts, quote(plain) if plain else ""])


def parse(stdout: bytes) -> Files | Unknown:
    """`files N`, then N lines each of stat, link time, real path and hash, then all bytes one after the other."""
    head, _, rest = stdout.partition(b"\n")
    if not head.startswith(b"files "):
        return Unknown("the host cannot list files with stat, readlink and sha256sum")
    count = int(head.split()[1])
    if not 0 <= count <= MAX_FILES:
        return Unknown(f"the host lists {count} files, more than {MAX_FILES}")
    lines = rest.split(b"\n", 4 * count)
    if len(lines) != 4 * count + 1:
        return Unknown("the list of files arrived cut short")
    stats, times, reals, hashes = (lines[i * count : (i + 1) * count] for i in range(4))
    data, start, files = lines[-1], 0, {}
    for stat, time, real, sha in zip(stats, times, reals, hashes, strict=True):
        size, mode, uid, gid, links, inode, modified, path = stat.split(b" ", 7)
        if not (size.isdigit() and path.startswith(b"/") and real.startswith(b"/")) or b"\0" in path + real:
            return Unknown("the list of files holds what is no file")
        piece = data[start : start + int(size)]
        start += int(size)
        if hashlib.sha256(piece).hexdigest().encode() != sha:
            return Unknown(f"{_text(path)} changed while it was being read")
        name = _text(path)
        files[name] = HostFile(
            name, _text(real), piece, mode.decode(), int(uid), int(gid), int(links), inode.decode(),
            float(modified), float(time),
        )  # fmt: skip
    return files


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape")
