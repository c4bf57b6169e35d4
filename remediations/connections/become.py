"""Becoming root: the talk with sudo, and what its refusals mean."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from remediations.connections.base import Target
from remediations.connections.pipe import Pipe
from remediations.connections.words import printable
from remediations.errors import BecomeError, ConnectionLostError, RemediateError, UnreachableError

# `exec` and words without quotes mean the same to every login shell: bash, fish, tcsh. LC_ALL=C: sudo in English.
PLAIN = "exec env LC_ALL=C /bin/sh -s"
SUDO = "exec env LC_ALL=C sudo -n -H /bin/sh -s"

SUDO_TIMEOUT = 30.0
EXIT_GRACE = 1.0
_MAX_TALK = 64 * 1024

_NEEDS_PASSWORD = (
    "a password is required",
    "a terminal is required to read the password",
    "interactive authentication is required",
)
_WRONG_PASSWORD = ("incorrect password", "Sorry, try again", "incorrect authentication", "Authentication failed")
_NEEDS_TTY = ("you must have a tty", "a terminal is required to run")
_NOT_ALLOWED = ("is not in the sudoers file", "may not run sudo", "is not allowed to", "I'm sorry")
_NO_SUDO = ("No such file or directory", "not found", "can't execute", "Permission denied")


@dataclass(frozen=True)
class Ask:
    """One call of sudo that may ask for a password: a prompt and a success marker that nothing else can print."""

    prompt: str
    marker: tuple[str, str]

    @classmethod
    def random(cls) -> Ask:
        """New words for each call: an old prompt in a log line must not draw the password out."""
        return cls(secrets.token_hex(16), (secrets.token_hex(8), secrets.token_hex(8)))

    def command(self) -> str:
        """The shell command; the password is in none of its words. With -k sudo leaves no note below /run/sudo."""
        first, second = self.marker
        inner = f"printf %s%s {first} {second}; exec /bin/sh -s"
        return f"exec env LC_ALL=C sudo -k -S -H -p {self.prompt} /bin/sh -c '{inner}'"


def give_password(target: Target, pipe: Pipe, ask: Ask) -> None:
    """See sudo through until the root shell stands: the password is sent at most once, and only at the prompt."""
    marker, prompt = "".join(ask.marker).encode(), ask.prompt.encode()
    heard = talk = b""
    answered = False
    deadline = time.monotonic() + SUDO_TIMEOUT
    while marker not in heard:
        stdout, stderr = pipe.receive(max(0.0, deadline - time.monotonic()))
        heard = (heard + stdout)[-_MAX_TALK:]
        talk = (talk + stderr)[-_MAX_TALK:]
        prompts = talk.count(prompt)
        if marker in heard:
            return
        if prompts > 1:
            raise BecomeError(f"{target.name}: sudo did not accept the password")
        if not (stdout or stderr) and pipe.ended():
            raise explain(target, talk.replace(prompt, b""), pipe.exit_code(EXIT_GRACE))
        if prompts and not answered:
            answered = True
            _answer(target, pipe)
        if time.monotonic() >= deadline:
            raise BecomeError(f"{target.name}: sudo gave no shell within {SUDO_TIMEOUT:g} s" + _quoted(talk))


def _answer(target: Target, pipe: Pipe) -> None:
    assert target.become_password is not None
    try:
        pipe.send(target.become_password.reveal().encode() + b"\n")
    except OSError as error:
        raise ConnectionLostError(f"{target.name}: the connection ended while sudo waited for its password") from error


def explain(target: Target, said: bytes, code: int | None) -> RemediateError:
    """Why sudo ended without giving a shell, with what a person can do about it."""
    text = said.decode(errors="replace")
    name = target.name

    def has(*signs: str) -> bool:
        return any(sign in text for sign in signs)

    if has(*_NOT_ALLOWED):
        return BecomeError(f"{name}: sudo does not let this user become root" + _quoted(said))
    if has(*_WRONG_PASSWORD):
        return BecomeError(f"{name}: sudo did not accept the password")
    if has(*_NEEDS_TTY):
        return BecomeError(f"{name}: sudo insists on a terminal (requiretty in sudoers), which a remediation has not")
    if has(*_NEEDS_PASSWORD):
        return BecomeError(f"{name}: sudo needs a password: use --ask-become-pass or ansible_become_password")
    if code in (126, 127) and has(*_NO_SUDO):
        return BecomeError(f"{name}: there is no sudo on the host and the login is not root" + _quoted(said))
    if has("sudo"):
        return BecomeError(f"{name}: sudo failed with exit code {code}" + _quoted(said))
    return no_shell(target, said, code)


def no_shell(target: Target, said: bytes, code: int | None) -> RemediateError:
    """Why a login did not end in /bin/sh: a nologin account, a forced command, a login script that exits."""
    ended = "was killed" if code is None else f"ended with exit code {code}"
    return UnreachableError(f"{target.name}: the login {ended} instead of starting /bin/sh" + _quoted(said))


def _quoted(said: bytes) -> str:
    text = printable(said)
    return f": {text}" if text else ""
