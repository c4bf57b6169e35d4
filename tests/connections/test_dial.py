"""The socket under a connection: what it is set to, and that closing it wakes whoever reads."""

import contextlib
import socket
import threading
import time

import pytest

from remediations.connections.dial import USER_TIMEOUT_MS, dial
from remediations.errors import UnreachableError
from tests.connections.peers import listening


def test_a_socket_sends_at_once_and_gives_up_a_dead_peer() -> None:
    with listening(lambda peer: peer.recv(1)) as port, dial("web1", "127.0.0.1", port, 5) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == USER_TIMEOUT_MS


def test_a_read_asks_again_for_quick_acknowledgements() -> None:
    with listening(lambda peer: peer.sendall(b"x")) as port, dial("web1", "127.0.0.1", port, 5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        assert sock.recv(10) == b"x"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1


def test_closing_wakes_a_thread_that_reads() -> None:
    with listening(lambda peer: peer.recv(1)) as port:
        sock = dial("web1", "127.0.0.1", port, 5)
        sock.settimeout(None)
        ended = threading.Event()

        def read() -> None:
            with contextlib.suppress(OSError):  # where the machine is so slow that we read only after the close
                sock.recv(1)
            ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        time.sleep(0.1)
        sock.close()
        assert ended.wait(60)


@pytest.mark.parametrize("address", ["::1", "127.0.0.1", "localhost"])
def test_both_families_work(address: str) -> None:
    listen_on = "::1" if address == "::1" else "127.0.0.1"
    with listening(lambda peer: peer.sendall(b"x"), listen_on) as port, dial("web1", address, port, 5) as sock:
        assert sock.recv(1) == b"x"


def test_an_address_without_a_route_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"^web1: connect to 255.255.255.255:22: .") as caught:
        dial("web1: connect to 255.255.255.255:22", "255.255.255.255", 22, 1)
    assert type(caught.value) is UnreachableError
