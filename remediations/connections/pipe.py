"""A running program's three streams, wherever it runs: what a shell is spoken through."""

from __future__ import annotations

from typing import Protocol


class Pipe(Protocol):
    """Bytes to and from one program. Errors of the way itself come as OSError."""

    def send(self, data: bytes) -> None:
        """Hand over all of `data`; blocks while the program does not read. OSError where it is gone."""
        ...

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """Stdout and stderr as they have arrived, waiting up to `timeout` seconds for the first byte or the end.

        To be called about once a second while an answer is due: that is when a silent way is asked for a sign of life.
        """
        ...

    def ended(self) -> bool:
        """Whether no more bytes will come."""
        ...

    def exit_code(self, timeout: float) -> int | None:
        """The program's exit code; None where none came within `timeout` seconds (it was killed, or the way broke)."""
        ...

    def lost(self) -> str | None:
        """Why the way to the program broke, or None where it did not."""
        ...

    def close(self) -> None:
        """Give the program up; safe to call twice. A blocked `send` ends."""
        ...
