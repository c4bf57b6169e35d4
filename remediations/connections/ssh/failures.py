"""Fabric's, Paramiko's and the system's errors in our words: the one place where they are translated."""

from __future__ import annotations

from pathlib import Path

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from remediations.connections.words import printable
from remediations.errors import (
    AuthenticationError,
    ConnectionRefusedByHostError,
    ConnectTimeoutError,
    NameNotResolvedError,
    RemediateError,
    UnreachableError,
)


class TurnedAway(Exception):
    """The host closed before authentication, as MaxStartups does: another try is harmless and mostly helps."""


def words(error: BaseException) -> str:
    """A foreign error in words; some of them have none."""
    if isinstance(error, EOFError):
        return "end of file"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text).encode(errors="replace"))


def before_authentication(where: str, error: Exception, timed_out: float | None, proxy_said: bytes) -> Exception:
    """What a failure means before the host knew who we are; `timed_out` where the time limit is used up."""
    if proxy_said:
        return UnreachableError(f"{where}: ProxyCommand: {printable(proxy_said)}")
    if timed_out is not None:
        return ConnectTimeoutError(f"{where}: no SSH handshake within {timed_out:g} s")
    if isinstance(error, IncompatiblePeer):
        return UnreachableError(f"{where}: no common way to encrypt: {words(error)}")
    if isinstance(error, EOFError | ConnectionError) or "Error reading SSH protocol banner" in str(error):
        return TurnedAway(f"the host ended the connection before it asked who we are ({words(error)})")
    return UnreachableError(f"{where}: {words(error)}")


def in_authentication(login: str, key_file: Path | None, error: Exception) -> RemediateError:
    """What a failure means after the host key was accepted: never a reason to try again."""
    if isinstance(error, paramiko.BadAuthenticationType):
        return AuthenticationError(f"{login}: the host takes no keys, only: {', '.join(error.allowed_types)}")
    if isinstance(error, paramiko.PasswordRequiredException):
        return AuthenticationError(f"{login}: the key is behind a passphrase: add it to ssh-agent with ssh-add")
    if isinstance(error, paramiko.AuthenticationException) and "timeout" in str(error):
        return ConnectTimeoutError(f"{login}: no answer in time")
    if no_key_to_offer(error) and key_file:
        return AuthenticationError(
            f"{login}: the key {key_file} is behind a passphrase and ssh-agent does not hold it: ssh-add {key_file}"
        )
    if no_key_to_offer(error):
        return AuthenticationError(f"{login}: no key to offer: none given, none in ssh-agent, none in ~/.ssh")
    if isinstance(error, paramiko.SSHException | EOFError | OSError):
        offered = f"the key {key_file}" if key_file else "every key of ours"
        return AuthenticationError(f"{login}: the host rejected {offered} ({words(error)})")
    return UnreachableError(f"{login}: {words(error)}")


def no_key_to_offer(error: Exception) -> bool:
    """Whether Paramiko gave up before it asked the host anything."""
    return str(error) == "No authentication methods available"


def through_jump_host(where: str, jump_host: str, error: Exception, said: bytes) -> UnreachableError:
    """What a jump host's refusal to connect further means; `said` are the words of its sshd."""
    text = words(error)
    if isinstance(error, paramiko.ChannelException):
        text = f"{error.text} ({printable(said)})"
    message = f"{where}: through {jump_host}: {text}"
    if "refused" in text:
        return ConnectionRefusedByHostError(message)
    if "timed out" in text or "Timeout" in text:
        return ConnectTimeoutError(message)
    if "resol" in text or "nknown host" in text or "not known" in text:
        return NameNotResolvedError(message)
    return UnreachableError(message)
