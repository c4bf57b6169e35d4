"""A command on the host as a Pipe: one session channel, read as its bytes arrive."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Self

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from remediations.connections.ssh.failures import words
from remediations.connections.ssh.heartbeat import Heartbeat
from remediations.connections.ssh.transport import Transport

READ_BYTES = 256 * 1024
CLOSE_GRACE = 0.5


class _Wake(threading.Event):
    """Set by both streams of a channel, cleared by the reader alone before it reads: no wake-up is ever lost.

    (Paramiko's own Channel.fileno can lose one where stdout runs dry while stderr arrives.)
    """

    def clear(self) -> None:
        """Paramiko clears when one stream is empty, though the other may hold data."""

    def rearm(self) -> None:
        super().clear()


class ChannelPipe:
    """A Pipe over one session channel."""

    def __init__(self, transport: Transport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel
        self._heartbeat = Heartbeat(transport)
        self._sending = False
        self._wake = _Wake()
        channel.in_buffer.set_event(self._wake)
        channel.in_stderr_buffer.set_event(self._wake)

    @classmethod
    def start(cls, transport: Transport, command: str, timeout: float) -> Self:
        """Start `command`; where the host refuses to, it closes the channel, which the reader sees as the end."""
        channel = transport.open_session(timeout=timeout)
        pipe = cls(transport, channel)
        request = paramiko.Message()
        request.add_byte(cMSG_CHANNEL_REQUEST)
        request.add_int(channel.remote_chanid)
        request.add_string("exec")
        request.add_boolean(True)
        request.add_string(command)
        transport.post(request)
        return pipe

    def send(self, data: bytes) -> None:
        """See Pipe."""
        self._sending = True
        try:
            self._channel.sendall(data)
        except (EOFError, paramiko.SSHException) as error:
            raise ConnectionResetError(words(error)) from error
        finally:
            self._sending = False

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """See Pipe."""
        channel = self._channel
        if not self.ended():
            self._wake.wait(timeout)
        self._wake.rearm()
        stdout = _piece(channel.recv_ready, channel.recv)
        stderr = _piece(channel.recv_stderr_ready, channel.recv_stderr)
        if channel.recv_ready() or channel.recv_stderr_ready():
            self._wake.set()
        self._watch(bool(stdout or stderr))
        return stdout, stderr

    def _watch(self, arrived: bool) -> None:
        if arrived:
            self._heartbeat.heard()
        elif not self._sending and not self.ended():
            self._heartbeat.beat()

    def ended(self) -> bool:
        """See Pipe."""
        channel = self._channel
        over = channel.closed or bool(channel.eof_received)
        return over and not channel.recv_ready() and not channel.recv_stderr_ready()

    def exit_code(self, timeout: float) -> int | None:
        """See Pipe."""
        self._channel.status_event.wait(timeout)
        return self._channel.exit_status if self._channel.exit_status >= 0 else None

    def lost(self) -> str | None:
        """See Pipe."""
        if self._transport.is_active():
            return None
        if self._heartbeat.verdict:
            return self._heartbeat.verdict
        error = self._transport.saved_exception
        return "the host closed it" if error is None or isinstance(error, EOFError) else words(error)

    def close(self) -> None:
        """See Pipe. Where a send is stuck in a dead network, closing the channel would be stuck behind it."""
        if not self._sending:
            self._close_channel()
            return
        closing = threading.Thread(target=self._close_channel, name="close channel", daemon=True)
        closing.start()
        closing.join(CLOSE_GRACE)
        if closing.is_alive():
            self._transport.close()

    def _close_channel(self) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):  # the way is gone: nothing to close
            self._channel.close()


def _piece(ready: Callable[[], bool], read: Callable[[int], bytes]) -> bytes:
    """What has arrived, up to a limit: the rest waits for the next call, so that caps are seen in time."""
    return read(READ_BYTES) if ready() else b""
