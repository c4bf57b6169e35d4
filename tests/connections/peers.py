"""Peers that are no good sshd: small servers on loopback for tests of what may go wrong before a login."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

Behave = Callable[[socket.socket], object]


@contextmanager
def listening(behave: Behave, host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server that does `behave` with each connection, in a thread each."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):  # the listening socket was shut down: the test is over
                while True:
                    peer, _ = server.accept()
                    threads.append(threading.Thread(target=_behaving, args=(behave, peer), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        accepting.join(5)
        for thread in threads:
            thread.join(5)


def _behaving(behave: Behave, peer: socket.socket) -> None:
    with peer, contextlib.suppress(OSError, EOFError):  # the client may leave whenever it likes
        behave(peer)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nothing listens, and nobody else can meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


class _Server(paramiko.ServerInterface):
    """Lets one key in and runs commands by /bin/sh, as an sshd would."""

    def __init__(self, allowed: bytes | None) -> None:
        self._allowed = allowed
        self.commands: list[tuple[paramiko.Channel, str]] = []
        self.asked = threading.Event()

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # Paramiko's signature
        return "publickey" if self._allowed is not None else "password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002  # as above
        return AUTH_SUCCESSFUL if key.asbytes() == self._allowed else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  # as above
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append((channel, command.decode()))
        self.asked.set()
        return True


def sshd(host_keys: list[paramiko.PKey], allowed: paramiko.PKey | None) -> Behave:
    """A server with those host keys that lets `allowed` in, or asks for a password where it is None."""

    def behave(peer: socket.socket) -> None:
        transport = paramiko.Transport(peer)
        try:
            for key in host_keys:
                transport.add_server_key(key)
            server = _Server(allowed.asbytes() if allowed else None)
            transport.start_server(server=server)
            while transport.is_active() and not server.asked.wait(0.05):
                pass
            for channel, command in server.commands:
                _run(channel, command)
        except paramiko.SSHException:
            return  # the client left in the middle: that is what some tests are about
        finally:
            transport.close()

    return behave


def _run(channel: paramiko.Channel, command: str) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        stdout, stderr = process.stdout, process.stderr
        copies = [
            threading.Thread(target=_copy, args=(lambda: stdout.read(4096), channel.sendall), daemon=True),
            threading.Thread(target=_copy, args=(lambda: stderr.read(4096), channel.sendall_stderr), daemon=True),
        ]
        for copy in copies:
            copy.start()
        _copy(lambda: channel.recv(4096), process.stdin.write)
        process.stdin.close()
        for copy in copies:
            copy.join()
        channel.send_exit_status(process.wait())
        channel.close()


def _copy(read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError):
        while data := read():
            write(data)


def key_file(folder: Path, key: paramiko.PKey) -> Path:
    path = folder / "id"
    key.write_private_key_file(str(path))
    return path


def relay(port: int, cut: threading.Event | None = None) -> Behave:
    """Passes bytes on to `port`, until `cut` is set: then it falls silent without closing."""

    def behave(peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            back = threading.Thread(target=_pass, args=(onward, peer, cut), daemon=True)
            back.start()
            _pass(peer, onward, cut)
            back.join()

    return behave


def _pass(source: socket.socket, sink: socket.socket, cut: threading.Event | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if cut is None or not cut.is_set():
                sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
