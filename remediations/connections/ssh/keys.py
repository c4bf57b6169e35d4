"""Private key files, parsed once for all threads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from remediations.connections.ssh.failures import words
from remediations.errors import AuthenticationError


def load_key(where: str, path: Path) -> paramiko.PKey | None:
    """The private key in `path`; None where it is behind a passphrase, so that ssh-agent must have it."""
    path = path.expanduser()
    try:
        return _parse(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise AuthenticationError(f"{where}: the private key {path} cannot be read: {error.strerror}") from error
    except (paramiko.PasswordRequiredException, TypeError):  # TypeError is how cryptography asks for a passphrase
        return None
    except (paramiko.SSHException, UnknownKeyType, ValueError) as error:
        raise AuthenticationError(f"{where}: {path} is not a private key that can be used: {words(error)}") from error


@lru_cache(maxsize=64)
def _parse(path: Path, _mtime: int) -> paramiko.PKey:
    return paramiko.PKey.from_path(path)
