"""One login on the way to a host: a jump host's or the host's own."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import paramiko

from remediations.connections.dial import dial, place
from remediations.connections.head_start import HeadStart
from remediations.connections.host_key import HostKeyCheck
from remediations.connections.proxy import ProxySocket, open_proxy
from remediations.connections.ssh import failures
from remediations.connections.ssh.channel import ChannelPipe
from remediations.connections.ssh.keys import load_key
from remediations.connections.ssh.transport import StrictPolicy, Transport
from remediations.errors import ConnectionLostError, RemediateError

KEEPALIVE = 15
AUTH_TIMEOUT = 30.0  # PAM may ask a directory service
CHANNEL_TIMEOUT = 30.0
LOGIN_TRIES = 7


@dataclass
class Hop:
    """A connection that is opened by our rules for host keys, time limits and second tries."""

    connection: Any
    """Fabric's, or a StraightConnection where no ssh_config leads elsewhere."""
    where: str
    """How messages begin: `web1: connect to 10.0.0.5:22`."""
    check: HostKeyCheck
    proxy_command: str | None
    private_key_file: Path | None
    timeout: float
    alone: bool
    """Whether `private_key_file` is the only key to offer (a jump host may know others)."""
    head_start: HeadStart | None = None
    """A connection that may have been made already."""

    @property
    def host(self) -> str:
        """The address, after ssh_config."""
        return str(self.connection.host)

    @property
    def port(self) -> int:
        """The port, after ssh_config."""
        return int(self.connection.port)

    @property
    def user(self) -> str:
        """The login, after ssh_config."""
        return str(self.connection.user)

    @property
    def place(self) -> str:
        """`host:port`."""
        return place(self.host, self.port)

    def alive(self) -> bool:
        """Whether the login still stands, as far as we can know."""
        transport = self.connection.client.get_transport()
        return transport is not None and bool(transport.is_active())

    def close(self) -> None:
        """End the login; safe to call twice."""
        self.connection.client.close()

    def start(self, command: str) -> ChannelPipe:
        """Start `command` for the login in a channel of its own."""
        transport = self._transport()
        try:
            return ChannelPipe.start(transport, command, CHANNEL_TIMEOUT)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise ConnectionLostError(f"{self.where}: open a session: {failures.words(error)}") from error

    def log_in(self, through: Hop | None) -> None:
        """Connect and authenticate; again where the host ends it before it asked who we are, and only then."""
        for attempt in range(1, LOGIN_TRIES + 1):
            try:
                return self._log_in(through)
            except failures.TurnedAway as error:
                if attempt == LOGIN_TRIES:
                    raise ConnectionLostError(f"{self.where}: {error}, {attempt} times in a row") from error
            time.sleep(random.uniform(0.1, 0.4) * 1.6**attempt)  # noqa: S311  # spread over time, no secret
        return None

    def _log_in(self, through: Hop | None) -> None:
        deadline = time.monotonic() + self.timeout
        options = {**self._keys(), **self._limits()}
        sock = self._socket(through)
        self.connection.connect_kwargs = {**options, "sock": sock}
        self.connection.client.set_missing_host_key_policy(StrictPolicy(self.check))
        try:
            self.connection.open()
        except BaseException as error:
            translated = self._translate(error, sock, time.monotonic() > deadline - 0.2)
            self.close()
            sock.close()
            if translated is error:
                raise
            raise translated from error
        self._transport().set_keepalive(KEEPALIVE)

    def _socket(self, through: Hop | None) -> Any:
        if through is not None:
            return through.open_way_to(self)
        if self.proxy_command:
            return open_proxy(self.proxy_command)
        made = self.head_start.take(self.host, self.port) if self.head_start else None
        return made or dial(self.where, self.host, self.port, self.timeout)

    def open_way_to(self, hop: Hop) -> paramiko.Channel:
        """A TCP connection to the next hop, made by this one."""
        transport = self._transport()
        try:
            return transport.open_channel("direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=hop.timeout)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise failures.through_jump_host(hop.where, self.place, error, transport.refusal) from error

    def _transport(self) -> Transport:
        transport = self.connection.client.get_transport()
        if transport is None:
            raise ConnectionLostError(f"{self.where}: the connection is closed")
        assert isinstance(transport, Transport)
        return transport

    def _limits(self) -> dict[str, object]:
        return {
            "timeout": self.timeout,
            "banner_timeout": self.timeout,
            "auth_timeout": AUTH_TIMEOUT,
            "channel_timeout": CHANNEL_TIMEOUT,
            "transport_factory": partial(Transport, host_key_types=self.check.known_types()),
        }

    def _keys(self) -> dict[str, object]:
        """The keys to offer: the given one, else those of ssh_config, the agent and ~/.ssh."""
        config = self.connection.ssh_config
        files = [str(path) for path in map(_expanded, config.get("identityfile", [])) if path.is_file()]
        only_those = bool(files) and config.get("identitiesonly", "no") == "yes"
        keys: dict[str, object] = {"allow_agent": not only_those, "look_for_keys": not files, "key_filename": files}
        if self.private_key_file is not None:
            key = load_key(self.where, self.private_key_file)
            keys["pkey"] = key
            if self.alone:
                # A key behind a passphrase is the agent's to use.
                keys |= {"allow_agent": key is None, "look_for_keys": False}
        return keys

    def _translate(self, error: BaseException, sock: object, late: bool) -> BaseException:
        if isinstance(error, RemediateError) or not isinstance(error, Exception):
            return error
        transport = self.connection.client.get_transport()
        asked = transport is not None and transport.auth_handler is not None
        if asked or failures.no_key_to_offer(error):
            login = f"{self.where}: log in as {self.user}"
            return failures.in_authentication(login, self.private_key_file, error)
        said = sock.said if isinstance(sock, ProxySocket) else b""
        return failures.before_authentication(self.where, error, self.timeout if late else None, said)


def _expanded(path: str) -> Path:
    return Path(path).expanduser()
