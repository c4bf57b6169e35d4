"""How one script's answer is told apart from all else on the wire: random markers around it, on both streams."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

NOISE_KEPT = 8 * 1024
AFTER_KEPT = 8
"""An exit code and its newline; a host may send for ever behind an end marker."""

_EXIT_CODE = re.compile(rb"([0-9]{1,3})\n")


@dataclass(frozen=True)
class Frame:
    """The two markers of one script.

    A marker is sent in halves that only the host's printf joins, so that a shell which prints what it reads
    (`set -v`, `set -x`, an error message quoting a line) never prints a marker by that.
    """

    begin: tuple[str, str]
    end: tuple[str, str]

    @classmethod
    def random(cls) -> Frame:
        """A frame that no output can hold by chance or by malice."""
        return cls((secrets.token_hex(8), secrets.token_hex(8)), (secrets.token_hex(8), secrets.token_hex(8)))

    def wrap(self, script: str) -> bytes:
        """The lines to send: the braces make the shell parse all of `script` before it runs any of it.

        The `:` allows an empty script; the empty line before the brace ends a last line that continues with a
        backslash, and a comment or here-document that has no newline.
        """
        begin, end = " ".join(self.begin), " ".join(self.end)
        return (
            f"printf '%s%s\\n' {begin}; printf '%s%s\\n' {begin} >&2\n"
            f"{{ :\n{script}\n\n}} </dev/null\n"
            f"printf '%s%s %d\\n' {end} \"$?\"; printf '%s%s\\n' {end} >&2\n"
        ).encode(errors="surrogateescape")  # a file name of the host may be no UTF-8


class Between:
    """Collects what lies between two markers of a byte stream that arrives in pieces, up to a cap."""

    def __init__(self, begin: bytes, end: bytes, cap: int) -> None:
        self._begin, self._end, self.cap = begin, end, cap
        self._content = bytearray()
        self._pending = bytearray()  # not yet known to be free of a marker's first bytes
        self._noise = b""
        self.noise_bytes = 0
        self.begun = False
        self.ended = False
        self.overflowed = False
        self.after = b""
        """The first of what came after the end marker."""

    @property
    def content(self) -> bytes:
        """The bytes between the markers, so far."""
        rest = b"" if self.ended else bytes(self._pending) if self.begun else b""
        return (bytes(self._content) + rest)[: self.cap]

    @property
    def noise(self) -> bytes:
        """The last of what came before the begin marker."""
        return self._noise if self.begun else self._noise + bytes(self._pending)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the stream."""
        if self.ended:
            self.after = (self.after + data[:AFTER_KEPT])[:AFTER_KEPT]
            return
        self._pending += data
        if not self.begun:
            self._look_for_begin()
        if self.begun:
            self._look_for_end()

    def _look_for_begin(self) -> None:
        before, found, rest = self._pending.partition(self._begin)
        if not found:
            before, rest = self._split_tail(self._begin)
        self.noise_bytes += len(before)
        self._noise = (self._noise + bytes(before))[-NOISE_KEPT:]
        self.begun, self._pending = bool(found), rest

    def _look_for_end(self) -> None:
        before, found, rest = self._pending.partition(self._end)
        if not found:
            before, rest = self._split_tail(self._end)
        self.overflowed = self.overflowed or len(self._content) + len(before) > self.cap
        self._content += before[: max(0, self.cap - len(self._content))]
        if found:
            self.ended, self.after, self._pending = True, bytes(rest[:AFTER_KEPT]), bytearray()
        else:
            self._pending = rest

    def _split_tail(self, marker: bytes) -> tuple[bytearray, bytearray]:
        """Cut before the last bytes that could be the start of `marker`."""
        cut = max(0, len(self._pending) - len(marker) + 1)
        return self._pending[:cut], self._pending[cut:]


class Answer:
    """One script's answer as it arrives: stdout, stderr and, at the end, the exit code."""

    def __init__(self, frame: Frame, max_bytes: int, max_stderr: int) -> None:
        begin, end = "".join(frame.begin).encode() + b"\n", "".join(frame.end).encode()
        self.stdout = Between(begin, end + b" ", max_bytes)
        self.stderr = Between(begin, end + b"\n", max_stderr)

    @property
    def exit_code(self) -> int | None:
        """The script's exit code, or None while the end marker's line is not here yet."""
        found = _EXIT_CODE.match(self.stdout.after)
        return int(found[1]) if found else None

    @property
    def damaged(self) -> bool:
        """Whether what stands behind the end marker can never become an exit code."""
        after = self.stdout.after
        return self.exit_code is None and (b"\n" in after or len(after) == AFTER_KEPT)
