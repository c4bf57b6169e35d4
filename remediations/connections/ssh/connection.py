"""A Connection by SSH: the logins on the way, opened in order by the first shell."""

from __future__ import annotations

from remediations.connections.base import Shell, Target, Warn
from remediations.connections.head_start import HeadStart
from remediations.connections.limits import login_slot
from remediations.connections.root_shell import open_shell
from remediations.connections.ssh.channel import ChannelPipe
from remediations.connections.ssh.hop import Hop
from remediations.connections.ssh.route import prepare, route_to
from remediations.errors import ConnectionLostError


class SshConnection:
    """A Connection by SSH, through jump hosts where ssh_config or the inventory say so."""

    def __init__(self, target: Target, warn: Warn, head_start: HeadStart | None = None) -> None:
        prepare()
        self._target = target
        self._warn = warn
        self._head_start = head_start
        self._hops: list[Hop] = []
        self._closed = False

    def shell(self) -> Shell:
        """See Connection."""
        if not self._hops or not self._hops[-1].alive():
            self._leave()
            self._open()
        return open_shell(self._target, login_is_root=self._hops[-1].user == "root", start=self._start)

    def close(self) -> None:
        """See Connection."""
        self._closed = True
        if self._head_start:
            self._head_start.close()
        self._leave()

    def _leave(self) -> None:
        hops, self._hops = self._hops, []
        for hop in reversed(hops):
            hop.close()

    def _start(self, command: str) -> ChannelPipe:
        if not self._hops:
            raise self._closed_meanwhile()
        return self._hops[-1].start(command)

    def _open(self) -> None:
        """Log in to each jump host, then to the host itself through the last of them."""
        route = route_to(self._target, self._warn)
        route[0].head_start = self._head_start
        jump_host = route[0].place if len(route) > 1 else None
        self._closed = False
        through = None
        with login_slot(jump_host):
            try:
                for hop in route:
                    self._hops.append(hop)
                    hop.log_in(through)
                    through = hop
            except BaseException:
                self.close()
                raise
        if self._closed:
            route[-1].close()
            raise self._closed_meanwhile()

    def _closed_meanwhile(self) -> ConnectionLostError:
        return ConnectionLostError(f"{self._target.name}: the connection was closed while it was opened")
