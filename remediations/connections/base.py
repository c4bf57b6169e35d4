"""What the rest of the toolkit needs of a host: one root shell that is fed scripts and answers in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class CommandResult:
    """One script's answer: raw bytes as the host sent them, without login noise and without our markers.

    `stderr` is what arrived until the end marker, capped at 64 KiB.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes


class Shell(Protocol):
    """A POSIX sh on the host that stays open: one channel, one process, as root where the host lets us.

    Variables, functions and traps that a script sets are there for the next one (each script runs in `{ …; } </dev/null`
    of the same shell, sent only after the end marker of the one before).
    """

    def run(self, script: str, *, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> CommandResult:
        """Run `script` (POSIX sh text, UTF-8) and return its answer.

        Raises ConnectionLostError where the channel ends before the end marker or `timeout` seconds pass,
        HostAnswerError where more than `max_bytes` arrive, BecomeError where sudo did not give the shell.
        """
        ...

    def close(self) -> None:
        """Close the channel. The remote shell sees end of file on its stdin."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Connection(Protocol):
    """One way to one host. Opened lazily by the first `shell()`."""

    def shell(self) -> Shell:
        """Open a new shell channel. Raises UnreachableError (its subclasses say why) or BecomeError."""
        ...

    def close(self) -> None:
        """Close all channels and the connection; safe to call twice."""
        ...
