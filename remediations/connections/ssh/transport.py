"""Paramiko's protocol engine with our host key rules."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import paramiko
from paramiko.buffered_pipe import BufferedPipe
from paramiko.packet import Packetizer

from remediations.connections.host_key import HostKeyCheck

WINDOW_BYTES = 8 * 1024 * 1024  # a whole snapshot in one go, however long the round trip
MAX_PACKET_BYTES = 256 * 1024
"""As OpenSSH's own limit. Paramiko would wait for the 4 GiB that a packet may announce, and keep them."""

_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

# Without a handler, Python would print Paramiko's own tracebacks to stderr; what they say is in our errors.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class StrictPolicy(paramiko.MissingHostKeyPolicy):
    """Every host key is asked of our own check: Paramiko is given no known_hosts at all."""

    def __init__(self, check: HostKeyCheck) -> None:
        self._check = check

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Return where the key may be trusted, before anything secret is sent."""
        self._check.verify(key.get_name(), key.asbytes())


class BoundedPacketizer(Packetizer):
    """Reads packets of a sane size only."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Called with what is left of a packet, whose length the host has chosen."""
        if n > MAX_PACKET_BYTES:
            raise paramiko.SSHException(f"the host announces a packet of {n} bytes")
        return super().read_all(n, check_rekey)


class Transport(paramiko.Transport):
    """A transport that asks first for the host key types on record, and never for certificates."""

    def __init__(self, sock: Any, *, host_key_types: Iterable[str], **options: Any) -> None:
        self._recorded = [name for kind in host_key_types for name in _SIGNATURES.get(kind, (kind,))]
        self.refusal = b""
        """Why the host did not open the last channel that it refused."""
        super().__init__(sock, default_window_size=WINDOW_BYTES, packetizer_class=BoundedPacketizer, **options)

    def open_channel(self, *args: Any, **options: Any) -> paramiko.Channel:
        """Paramiko keeps whatever a host sends beyond the window that it was given: here that ends the connection."""
        channel = super().open_channel(*args, **options)
        for stream in (channel.in_buffer, channel.in_stderr_buffer):
            _bound(stream)
        return channel

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms in the order that we ask for them."""
        able = [name for name in super().preferred_keys if "-cert-" not in name]
        return tuple(dict.fromkeys([name for name in self._recorded if name in able] + able))

    def _parse_channel_open_failure(self, message: paramiko.Message) -> None:
        """Keep the host's own words: Paramiko's exception has only the number's meaning, `Connect failed`."""
        copy = paramiko.Message(message.asbytes())
        copy.get_int()
        copy.get_int()
        self.refusal = copy.get_binary()
        super()._parse_channel_open_failure(message)  # type: ignore[misc]  # the stubs leave it out

    def post(self, message: paramiko.Message) -> None:
        """Send without waiting for the answer: Paramiko would wait for it without any time limit."""
        self._send_user_message(message)  # type: ignore[attr-defined]  # no public way; the stubs leave it out


def _bound(stream: BufferedPipe[Any]) -> None:
    feed = stream.feed

    def bounded(data: bytes) -> None:
        if len(stream) + len(data) > WINDOW_BYTES:
            raise paramiko.SSHException("the host sends more than it may")
        feed(data)

    stream.feed = bounded  # type: ignore[method-assign]  # Paramiko makes its buffers itself
