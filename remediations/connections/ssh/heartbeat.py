"""A sign of life from a host that says nothing: through a jump host, TCP alone would not notice its death."""

from __future__ import annotations

import threading
import time

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from remediations.connections.ssh.transport import Transport

EVERY = 10.0
PATIENCE = 30.0  # a host that is out of memory answers late, and is the kind of host we are here for


class Heartbeat:
    """Asks a silent host every few seconds, and ends the connection where no answer comes."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._heard = time.monotonic()
        self._asked: float | None = None
        self.verdict: str | None = None
        """Why the connection was ended, where this did it."""

    def heard(self) -> None:
        """Something arrived."""
        self._heard, self._asked = time.monotonic(), None

    def beat(self) -> None:
        """To be called now and then while nothing arrives."""
        now = time.monotonic()
        answered = self._transport.completion_event
        if self._asked is None:
            if now - self._heard > EVERY:
                self._ask(now)
        elif answered is not None and answered.is_set():
            self.heard()
        elif now - self._asked > PATIENCE:
            self.verdict = f"no sign of life for {now - self._heard:.0f} s"
            self._transport.close()

    def _ask(self, now: float) -> None:
        """What OpenSSH's ServerAliveInterval sends; any answer will do, a refusal too."""
        self._asked = now
        self._transport.completion_event = threading.Event()
        request = paramiko.Message()
        request.add_byte(cMSG_GLOBAL_REQUEST)
        request.add_string("keepalive@openssh.com")
        request.add_boolean(True)
        self._transport.post(request)
