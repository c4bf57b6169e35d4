"""An sshd of the tests' own on loopback: it lets one key in and gives every session to a host that may misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from tests.connections.peers import key_file, listening
from tests.hostile.host import Host
from tests.hostile.wire import Wire

SESSIONS = 8
"""More than any run opens; a test must not grow threads without end."""

HOST_KEY = paramiko.ECDSAKey.generate()
LOGIN_KEY = paramiko.ECDSAKey.generate()


@dataclass
class _Server(paramiko.ServerInterface):
    host: Host
    over: threading.Event
    threads: list[threading.Thread] = field(default_factory=list)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # Paramiko's signature
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002  # as above
        return AUTH_SUCCESSFUL if key.asbytes() == LOGIN_KEY.asbytes() else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  # as above
        allowed = kind == "session" and len(self.threads) < SESSIONS
        return OPEN_SUCCEEDED if allowed else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        wire = Wire(channel, self.over, self.host.heard)
        self.threads.append(threading.Thread(target=self._session, args=(wire, command.decode()), daemon=True))
        self.threads[-1].start()
        return True

    def _session(self, wire: Wire, command: str) -> None:
        with contextlib.suppress(OSError, EOFError):  # the other side has had enough
            self.host.serve(wire, command)
            wire.channel.close()


@contextmanager
def hostile(host: Host) -> Iterator[int]:
    """The port on which `host` can be reached while the block runs."""
    over = threading.Event()

    def behave(peer: socket.socket) -> None:
        transport = paramiko.Transport(peer)
        try:
            transport.add_server_key(HOST_KEY)
            transport.start_server(server=_Server(host, over))
            while transport.is_active() and not over.wait(0.05):
                pass
        except paramiko.SSHException:
            return  # the client left in the middle of the handshake
        finally:
            transport.close()

    with listening(behave) as port:
        yield port
        over.set()


def variables(folder: Path, port: int, user: str = "root") -> dict[str, object]:
    """What an inventory says of the host."""
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n")
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(key_file(folder, LOGIN_KEY)),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known}",
    }
