"""One session channel as a misbehaving host uses it: bytes at will, for as long as the test lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import paramiko

PIECE = 32 * 1024
"""What one packet holds."""


@dataclass(frozen=True)
class Wire:
    """Sends as much as the other side takes. OSError where it has left."""

    channel: paramiko.Channel
    over: threading.Event
    heard: bytearray
    """All that was ever written to this host."""

    def out(self, data: bytes) -> None:
        self.channel.sendall(data)

    def err(self, data: bytes) -> None:
        self.channel.sendall_stderr(data)

    def for_ever(self) -> Iterator[None]:
        """Until the other side has left or the test is over."""
        while not self.over.is_set() and not self.channel.closed and self.channel.get_transport().is_active():
            yield

    def silence(self) -> None:
        for _ in self.for_ever():
            time.sleep(0.05)

    def slowly(self, data: bytes) -> None:
        """One byte a second."""
        for byte, _ in zip(data, self.for_ever(), strict=False):
            self.out(bytes([byte]))
            self.over.wait(1)

    def lines(self) -> Iterator[str]:
        """What the other side writes, line by line, until it closes its end."""
        rest = b""
        while data := self.channel.recv(PIECE):
            self.heard.extend(data)
            *whole, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="surrogateescape") + "\n" for line in whole)
