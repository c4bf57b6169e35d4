"""Every error that the toolkit raises on purpose, with the exit code that the command line gives it."""

from __future__ import annotations


class RemediateError(Exception):
    """Base of all errors raised on purpose; the message says where, what was being done and what the answer was."""

    exit_code = 3


class UsageError(RemediateError):
    """The command line asks for something that cannot be meant: unknown name, missing value, declined."""

    exit_code = 1


class InventoryError(UsageError):
    """An inventory (or group_vars, host_vars, ssh_config) cannot be used; names file, line and key."""


class PlaybookError(UsageError):
    """A playbook or a `--set` cannot be used; names file, line and key, and what is allowed there."""


class UnreachableError(RemediateError):
    """No shell on the host could be had, so nothing is known about it and nothing was changed there."""

    exit_code = 4


class NameNotResolvedError(UnreachableError):
    """The host's address has no entry in DNS or /etc/hosts."""


class ConnectionRefusedByHostError(UnreachableError):
    """Nothing listens on the ssh port."""


class ConnectTimeoutError(UnreachableError):
    """No answer from the ssh port within the time limit."""


class HostKeyUnknownError(UnreachableError):
    """The host's key stands in no known_hosts file; the message says what to run."""


class HostKeyChangedError(UnreachableError):
    """The host's key differs from the recorded one, or is marked @revoked."""


class AuthenticationError(UnreachableError):
    """The host rejected every key that was offered."""


class ConnectionLostError(UnreachableError):
    """The connection ended or fell silent in the middle: what ran on the host may still be running."""


class BecomeError(RemediateError):
    """The login worked, root did not: sudo needs a password, refuses it, or is not there."""


class HostAnswerError(RemediateError):
    """The host's answer does not have the agreed shape (cut short, over the byte cap, wrong marker)."""


class EditError(RemediateError):
    """A configuration file cannot be edited safely; names file and line."""


class RefusedError(RemediateError):
    """A rule forbids this change here; nothing was changed."""


class LockedError(RemediateError):
    """Another run holds the lock on the host."""

    exit_code = 5
