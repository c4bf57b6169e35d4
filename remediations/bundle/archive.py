"""A gzipped tar of plain files, in memory: written the same each time, read as if an enemy had made it."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping

from remediations.bundle.typed import DamagedError

MOST_MEMBER_BYTES = 32 << 20
MOST_BYTES = 256 << 20
"""Of all members, unpacked."""
MOST_MEMBERS = 50_000
BLOCK = 512
GZIP = b"\x1f\x8b"

_FILE, _LEFT_OUT = (b"0", b"\0"), (b"5", b"x", b"g")
"""Folders, and what another tar may say of the next file, are of no interest. Links and devices are refused."""


def pack(members: Mapping[str, bytes], *, time: int) -> bytes:
    """Raises DamagedError where it would be more than `members` reads."""
    if len(members) > MOST_MEMBERS or sum(map(len, members.values())) > MOST_BYTES:
        raise DamagedError(f"it would hold more than {MOST_BYTES >> 20} MiB or {MOST_MEMBERS} files")
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in members.items():
                about = tarfile.TarInfo(name)
                about.size, about.mode, about.mtime = len(data), 0o600, time
                tar.addfile(about, io.BytesIO(data))
        return gzip.compress(file.getvalue(), mtime=0)


def is_tar(data: bytes) -> bool:
    """By its first 512 bytes."""
    return data[257:262] == b"ustar"


def unpack(packed: bytes) -> bytes:
    """The tar in a gzip. Not by gzip.decompress: a MiB may unpack to a GiB."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = stream.decompress(packed, MOST_BYTES + 1)
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from error
    if len(data) > MOST_BYTES:
        raise DamagedError(f"it unpacks to more than {MOST_BYTES >> 20} MiB")
    if not stream.eof:
        raise DamagedError("it is cut short")
    return data


def members(tar: bytes) -> dict[str, bytes]:
    """Its plain files by name; nothing is ever written to a disk.

    Not by tarfile, which believes what an archive says: links, sparse maps, negative sizes, headers without end.
    """
    found: dict[str, bytes] = {}
    for name, data in _members(tar):
        if name in found:
            raise DamagedError(f"{name}: is in it twice")
        found[name] = data
        if len(found) > MOST_MEMBERS:
            raise DamagedError(f"it holds more than {MOST_MEMBERS} files")
    return found


def _members(tar: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while head := tar[at : at + BLOCK].rstrip(b"\0"):
        head = tar[at : at + BLOCK]
        name, kind, size = _name(head), head[156:157], _number(head[124:136])
        if len(head) < BLOCK or not is_tar(head) or _number(head[148:156]) != _checksum(head):
            raise DamagedError(f"its part at byte {at} is no header of a tar")
        if size > MOST_MEMBER_BYTES:
            raise DamagedError(f"{name}: is larger than {MOST_MEMBER_BYTES >> 20} MiB")
        at += BLOCK
        data = tar[at : at + size]
        if len(data) < size:
            raise DamagedError(f"{name}: is cut short")
        if kind in _FILE:
            yield name, data
        elif kind not in _LEFT_OUT:
            raise DamagedError(f"{name}: is no plain file")
        at += -(-size // BLOCK) * BLOCK


def _name(head: bytes) -> str:
    prefix = head[345:500].split(b"\0")[0] if head[257:263] == b"ustar\0" else b""
    name = head[:100].split(b"\0")[0]
    return (prefix + b"/" + name if prefix else name).decode(errors="replace").removeprefix("./")


def _number(field: bytes) -> int:
    """Octal digits; a size that needs more than them is too large for us."""
    digits = field.strip(b"\0 ")
    if not digits or digits.translate(None, b"01234567"):
        raise DamagedError("it holds a header whose numbers cannot be read")
    return int(digits, 8)


def _checksum(head: bytes) -> int:
    return sum(head[:148]) + 8 * ord(" ") + sum(head[156:])
