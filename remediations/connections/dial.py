"""A TCP connection to the ssh port, told apart in its failures and tuned for short questions and answers."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import Any

from remediations.errors import (
    ConnectionRefusedByHostError,
    ConnectTimeoutError,
    NameNotResolvedError,
    UnreachableError,
)

# A dead peer is given up after this long without an acknowledgement (Linux); keepalives alone take minutes.
USER_TIMEOUT_MS = 20_000

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


Address = tuple[Any, ...]
"""As socket.connect takes it: its length depends on the family."""


class QuickSocket(socket.socket):
    """A socket that acknowledges at once, and whose close wakes a thread that waits in recv.

    Linux falls back to delayed acknowledgements by itself, so TCP_QUICKACK is set again after each read: login and the
    first command take 34 ms instead of 121.
    """

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):  # a closed peer; the data read counts
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return data

    def close(self) -> None:
        with contextlib.suppress(OSError):  # not connected (any more): nobody waits
            self.shutdown(socket.SHUT_RDWR)
        super().close()


def dial(where: str, host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address of `host` that answers; all of them together have `timeout` seconds."""
    deadline = time.monotonic() + timeout
    addresses = _addresses(where, host, port)
    failures: list[OSError] = []
    for number, (family, address) in enumerate(addresses):
        share = (deadline - time.monotonic()) / (len(addresses) - number)
        try:
            return _connect(family, address, max(share, 0.1))
        except OSError as error:
            failures.append(error)
    raise _failure(where, failures, timeout)


def place(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(where: str, host: str, port: int) -> list[tuple[int, Address]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NameNotResolvedError(f"{where}: the name {host} cannot be resolved: {error}") from error
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _connect(family: int, address: Address, timeout: float) -> socket.socket:
    sock = QuickSocket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if _USER_TIMEOUT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, USER_TIMEOUT_MS)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _failure(where: str, failures: list[OSError], timeout: float) -> UnreachableError:
    if any(isinstance(error, ConnectionRefusedError) for error in failures):
        return ConnectionRefusedByHostError(f"{where}: connection refused: nothing listens on that port")
    if any(isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT for error in failures):
        return ConnectTimeoutError(f"{where}: no answer within {timeout:g} s")
    return UnreachableError(f"{where}: {failures[-1].strerror or failures[-1]}")
