"""What the rest of the toolkit needs of a host: one root shell that is fed scripts and answers in bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

MAX_ANSWER_BYTES = 16 * 1024 * 1024

CONNECT_TIMEOUT = 10.0
"""Seconds, where neither the target nor ssh_config says."""

HostKeyChecking = Literal["yes", "accept-new", "no"]

Warn = Callable[[str], None]
"""Told, in one sentence that begins with the host's name, what a person should know though the run goes on."""


class Revealable(Protocol):
    """A secret that shows itself only where it is asked to (inventory's Secret is one)."""

    def reveal(self) -> str: ...


@dataclass(frozen=True)
class Target:
    """All that a connection needs to know of a host; None means ssh_config, then OpenSSH's own default."""

    name: str
    """The host's name in the inventory: every message begins with it."""
    address: str
    """ansible_host: an address, a name, or a Host alias of ssh_config."""
    port: int | None = None
    user: str | None = None
    connection: Literal["ssh", "local"] = "ssh"
    private_key_file: Path | None = None
    jump: str | None = None
    """ProxyJump as ssh's -J takes it: `[user@]host[:port]`, several with commas, the first is nearest to us."""
    known_hosts_files: tuple[Path, ...] = ()
    """Read besides those of OpenSSH; the first is where accept-new writes."""
    host_key_checking: HostKeyChecking = "yes"
    become: bool = True
    """Ask sudo for root where the login is not root already."""
    become_password: Revealable | None = field(default=None, repr=False)
    connect_timeout: float | None = None
    """Seconds until the host must have answered and shaken hands; None means ssh_config, then CONNECT_TIMEOUT."""


@dataclass(frozen=True)
class CommandResult:
    """One script's answer: raw bytes as the host sent them, without login noise and without our markers.

    `stderr` is capped at 64 KiB; what comes after that is dropped without an error.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes


class Shell(Protocol):
    """A POSIX sh on the host that stays open: one channel, one process, as root where the host lets us.

    Variables, functions and traps that a script sets are there for the next one (each script runs in
    `{ …; } </dev/null` of the same shell, sent only after the end marker of the one before). The host parses a whole
    script before it runs the first line of it. LC_ALL is C.
    """

    @property
    def host(self) -> str:
        """The host's name: every message begins with it."""
        ...

    def run(self, script: str, *, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> CommandResult:
        """Run `script` (POSIX sh text, UTF-8) and return its answer; a bad exit code is an answer, not an error.

        Raises ConnectionLostError where the connection ends before the end marker or `timeout` seconds pass (what ran
        may then still be running on the host), HostAnswerError where more than `max_bytes` of stdout arrive or the
        script ends its own shell (`exit`, `set -e`, a syntax error), BecomeError where sudo did not give the shell.
        After any of these the shell is closed: open another.
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
    """One way to one host. Opened by the first `shell()`, anew by the next where it was lost; one thread at a time."""

    def shell(self) -> Shell:
        """Open a new shell channel. Raises UnreachableError (its subclasses say why) or BecomeError."""
        ...

    def close(self) -> None:
        """Close all channels and the connection; safe to call twice and from another thread."""
        ...
