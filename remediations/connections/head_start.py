"""A TCP connection to the ssh port, made while the SSH libraries, which will use it, are still being imported."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import Future

from remediations.connections import ssh_config
from remediations.connections.base import CONNECT_TIMEOUT, Target
from remediations.connections.dial import dial, place
from remediations.errors import RemediateError

SSH_PORT = 22


class HeadStart:
    """Dials from the start, unless ssh_config has a say in where and how: only the SSH libraries understand that."""

    def __init__(self, target: Target) -> None:
        self._spot = _spot(target)
        self._dialled: Future[socket.socket] = Future()
        if self._spot:
            # A daemon: a host that does not answer must not hold up the end of a run.
            threading.Thread(target=self._dial, args=(target, *self._spot), name="head start", daemon=True).start()

    def take(self, host: str, port: int) -> socket.socket | None:
        """The connection, once, where it leads to this port of this host. Raises what `dial` raises."""
        spot, self._spot = self._spot, None
        if spot == (host, port):
            return self._dialled.result()
        if spot:
            self._dialled.add_done_callback(_hang_up)
        return None

    def close(self) -> None:
        """Hang up, unless it was taken."""
        self.take("", 0)

    def _dial(self, target: Target, host: str, port: int) -> None:
        where = f"{target.name}: connect to {place(host, port)}"
        try:
            self._dialled.set_result(dial(where, host, port, target.connect_timeout or CONNECT_TIMEOUT))
        except BaseException as error:
            self._dialled.set_exception(error)  # raised where the connection is taken


def _spot(target: Target) -> tuple[str, int] | None:
    """The address and port to dial, where nothing but the target speaks of them."""
    straight = target.connection == "ssh" and target.jump in (None, "none")
    if not straight or ssh_config.may_lead_elsewhere(ssh_config.user_and_system_text()):
        return None
    return target.address, target.port or SSH_PORT


def _hang_up(dialled: Future[socket.socket]) -> None:
    with contextlib.suppress(RemediateError):  # nobody wants to go there any more
        dialled.result().close()
