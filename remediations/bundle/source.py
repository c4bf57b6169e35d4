"""What `--from` names, read with care: a bundle, or the end of a log; a file, or what comes in at stdin."""

from __future__ import annotations

import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from remediations import interrupts, terminal
from remediations.bundle import archive
from remediations.bundle.typed import DamagedError
from remediations.errors import UsageError

STDIN = Path("-")
PIECE = 1 << 20
MOST_PACKED_BYTES = 64 << 20
MOST_LOG_BYTES = 8 << 20
"""The end of a log is what matters."""
LONGEST_BYTES = 2 << 30


@dataclass(frozen=True)
class Tar:
    """A bundle's tar, unpacked."""

    data: bytes


@dataclass(frozen=True)
class Text:
    """The end of a text; `cut` where it begins before."""

    data: bytes
    cut: bool


def read(path: Path) -> Tar | Text:
    """Raises UsageError where it cannot be read, is empty or has no end, DamagedError for a bundle that is none."""
    try:
        with _opened(path) as file, interrupts.raised():
            return _read(file)
    except OSError as error:
        raise UsageError(f"--from {path}: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path != STDIN:
        with open(path, "rb") as file:
            yield file
        return
    if sys.stdin.isatty():
        terminal.remark("remediate: paste the log, then press Ctrl-D")
    yield sys.stdin.buffer


def _read(file: IO[bytes]) -> Tar | Text:
    first = file.read(PIECE)
    if not first:
        raise DamagedError("it is empty")
    packed = first.startswith(archive.GZIP)
    head = _head(first) if packed else first
    if archive.is_tar(head):
        return Tar(_whole(first, file, packed=packed))
    pieces = _pieces(first, file)
    return _tail(_unpacked(pieces) if packed else pieces)


def _head(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, archive.BLOCK)
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from error


def _whole(first: bytes, file: IO[bytes], *, packed: bool) -> bytes:
    most = MOST_PACKED_BYTES if packed else archive.MOST_BYTES
    data = first + file.read(most)
    if len(data) > most:
        raise DamagedError(f"it is larger than {most >> 20} MiB")
    return archive.unpack(data) if packed else data


def _pieces(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    while first:
        yield first
        first = file.read(PIECE)


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Of a log that is cut short, what is there is good."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            while piece and not stream.eof:
                yield stream.decompress(piece, PIECE)
                piece = stream.unconsumed_tail
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from error


def _tail(pieces: Iterator[bytes]) -> Text:
    """The whole of it goes by, however long, but not for ever."""
    last: deque[bytes] = deque()
    seen = held = 0
    for piece in pieces:
        last.append(piece)
        seen, held = seen + len(piece), held + len(piece)
        while held - len(last[0]) >= MOST_LOG_BYTES:
            held -= len(last.popleft())
        if seen > LONGEST_BYTES:
            raise DamagedError(f"it is longer than {LONGEST_BYTES >> 30} GiB: give its end (tail -n 10000)")
    data = b"".join(last)[-MOST_LOG_BYTES:]
    return Text(data, seen > len(data))
