"""Whatever answers on the ssh port, the error is clear, in time and of the right kind."""

import random
import socket
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from remediations.connections import dial as dialling
from remediations.connections import shell as shell_module
from remediations.connections.base import Target
from remediations.connections.dial import dial
from remediations.connections.ssh import heartbeat, hop
from remediations.connections.ssh.heartbeat import Heartbeat
from remediations.errors import (
    AuthenticationError,
    ConnectionLostError,
    ConnectionRefusedByHostError,
    ConnectTimeoutError,
    HostKeyChangedError,
    HostKeyUnknownError,
    NameNotResolvedError,
    UnreachableError,
)
from tests.connections.conftest import Opener
from tests.connections.peers import closed_port, key_file, listening, relay, sshd
from tests.patience import FOR_EVER, PATIENCE, patience, when

HOST_KEY = paramiko.ECDSAKey.generate()
LOGIN_KEY = paramiko.ECDSAKey.generate()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target("web1", "127.0.0.1", user="root", private_key_file=key_file(tmp_path, LOGIN_KEY), connect_timeout=1.0)


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.001)


def known(home: Path, port: int, *keys: paramiko.PKey) -> None:
    lines = [f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n" for key in keys]
    (home / ".ssh" / "known_hosts").write_text("".join(lines))


def fails(connect: Opener, target: Target, port: int, error: type[Exception], match: str, **changes: Any) -> None:
    """By itself, whatever the peer does."""
    with patience(), pytest.raises(error, match=match) as caught:
        connect(replace(target, port=port, **changes)).shell()
    assert type(caught.value) is error
    assert str(caught.value).startswith("web1: ")


def test_a_port_without_a_server_is_refused_and_not_tried_again(
    connect: Opener, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Counter[str]()

    def counted(*words: Any) -> socket.socket:
        calls["all"] += 1
        return dial(*words)

    monkeypatch.setattr(hop, "dial", counted)
    with closed_port() as port:
        match = rf"^web1: connect to 127.0.0.1:{port}: connection refused"
        fails(connect, target, port, ConnectionRefusedByHostError, match, connect_timeout=FOR_EVER)
    assert calls["all"] == 1


def test_a_name_that_nobody_knows_is_not_resolved(connect: Opener, target: Target) -> None:
    fails(connect, target, 22, NameNotResolvedError, r"nosuch\.invalid cannot be resolved", address="nosuch.invalid")


@pytest.mark.parametrize("address", ["a..b", "x" * 70, "bad name"])
def test_a_name_that_cannot_be_one_is_not_resolved(connect: Opener, target: Target, address: str) -> None:
    fails(connect, target, 22, NameNotResolvedError, "cannot be resolved", address=address)


def test_a_server_that_never_speaks_times_out(connect: Opener, target: Target) -> None:
    gone = threading.Event()
    with listening(lambda peer: _wait_for_end(peer, gone)) as port:
        fails(connect, target, port, ConnectTimeoutError, "no SSH handshake within 1 s")
        assert gone.wait(PATIENCE), "the socket was left open"


def test_a_full_backlog_times_out(connect: Opener, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """By our limit: the kernel's own is two minutes here."""
    monkeypatch.setattr(dialling, "USER_TIMEOUT_MS", int(FOR_EVER) * 1000)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        fails(connect, target, port, ConnectTimeoutError, r"connect to 127.0.0.1:\d+: no answer within 1 s")
        for filler in fillers:
            filler.close()


def test_a_server_that_sends_lines_for_ever_times_out(connect: Opener, target: Target) -> None:
    with listening(lambda peer: _flood(peer, b"Welcome to this machine\r\n", 0.01)) as port:
        fails(connect, target, port, ConnectTimeoutError, "no SSH handshake within 1 s")


def test_a_server_that_sends_one_endless_line_times_out(connect: Opener, target: Target) -> None:
    with listening(lambda peer: _flood(peer, b"SSH-2.0-" * 200, 0.001)) as port:
        fails(connect, target, port, ConnectTimeoutError, "no SSH handshake within 1 s")


def test_a_server_that_sends_garbage_after_its_banner_is_unreachable(connect: Opener, target: Target) -> None:
    with listening(lambda peer: _flood(peer, b"SSH-2.0-x\r\n" + bytes(range(256)) * 16, 0.01)) as port:
        fails(connect, target, port, UnreachableError, "connect to", connect_timeout=FOR_EVER)


def test_a_web_server_is_no_ssh_server(connect: Opener, target: Target) -> None:
    with listening(lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        fails(connect, target, port, ConnectionLostError, "ended the connection before it asked who we are")


def test_a_host_that_turns_logins_away_is_tried_again_until_it_lets_us_in(
    connect: Opener, target: Target, home: Path
) -> None:
    calls: Counter[str] = Counter()
    serve = sshd([HOST_KEY], LOGIN_KEY)

    def turn_away_first(peer: socket.socket) -> None:
        calls["all"] += 1
        if calls["all"] > 3:
            serve(peer)

    with listening(turn_away_first) as port:
        known(home, port, HOST_KEY)
        with connect(replace(target, port=port)).shell() as shell:
            assert shell.run("echo in", timeout=10).stdout == b"in\n"
    assert calls["all"] == 4


def test_a_host_that_always_turns_us_away_is_given_up(connect: Opener, target: Target) -> None:
    calls: Counter[str] = Counter()
    with listening(lambda _: calls.update(["all"])) as port:
        fails(connect, target, port, ConnectionLostError, "7 times in a row")
    assert calls["all"] == 7


def test_a_rejected_key_is_never_tried_again(connect: Opener, target: Target, home: Path) -> None:
    calls: Counter[str] = Counter()
    serve = sshd([HOST_KEY], paramiko.ECDSAKey.generate())

    def counted(peer: socket.socket) -> None:
        calls["all"] += 1
        serve(peer)

    with listening(counted) as port:
        known(home, port, HOST_KEY)
        fails(connect, target, port, AuthenticationError, "log in as root: the host rejected the key /")
    assert calls["all"] == 1


def test_a_host_that_wants_a_password_says_so(connect: Opener, target: Target, home: Path) -> None:
    with listening(sshd([HOST_KEY], None)) as port:
        known(home, port, HOST_KEY)
        fails(connect, target, port, AuthenticationError, "takes no keys, only: password")


def test_without_any_key_there_is_nothing_to_offer(connect: Opener, target: Target, home: Path) -> None:
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as port:
        known(home, port, HOST_KEY)
        fails(connect, target, port, AuthenticationError, "no key to offer", private_key_file=None)


@pytest.mark.parametrize(
    ("content", "match"), [(None, "cannot be read: No such file"), (b"not a key\n", "is not a private key")]
)
def test_a_key_file_of_no_use_is_named(
    connect: Opener, target: Target, tmp_path: Path, content: bytes | None, match: str
) -> None:
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as port:
        fails(connect, target, port, AuthenticationError, f"{path} {match}", private_key_file=path)


def test_a_key_behind_a_passphrase_asks_for_the_agent(
    connect: Opener, target: Target, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "locked"
    LOGIN_KEY.write_private_key_file(str(path), password="open sesame")
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as port:
        known(home, port, HOST_KEY)
        fails(
            connect,
            target,
            port,
            AuthenticationError,
            f"{path} is behind a passphrase and ssh-agent does not hold it",
            private_key_file=path,
        )


def test_an_unknown_host_key_is_refused_before_anything_is_offered(connect: Opener, target: Target) -> None:
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as port:
        fails(connect, target, port, HostKeyUnknownError, f"connect to 127.0.0.1:{port}: the host key ecdsa-")


def test_a_changed_host_key_is_refused(connect: Opener, target: Target, home: Path) -> None:
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as port:
        known(home, port, paramiko.ECDSAKey.generate())
        fails(connect, target, port, HostKeyChangedError, r"known_hosts:1 holds ecdsa-")


def test_the_host_is_asked_for_the_key_type_on_record(connect: Opener, target: Target, home: Path) -> None:
    """Paramiko by itself would ask this host for its ecdsa key and refuse it."""
    rsa = paramiko.RSAKey.generate(2048)
    with listening(sshd([HOST_KEY, rsa], LOGIN_KEY)) as port:
        known(home, port, rsa)
        with connect(replace(target, port=port)).shell() as shell:
            assert shell.run("echo in", timeout=10).stdout == b"in\n"


def test_ipv6_and_names_with_several_addresses_are_tried_in_turn(
    connect: Opener, target: Target, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def several(host: str, port: int, **options: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        assert host == "farm"
        found = ["127.0.0.1", "127.0.0.2"]
        ipv4 = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0)), *ipv4]

    with listening(sshd([HOST_KEY], LOGIN_KEY), "127.0.0.2") as port:
        line = f"[farm]:{port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}\n"
        (home / ".ssh" / "known_hosts").write_text(line)
        monkeypatch.setattr(socket, "getaddrinfo", several)
        with connect(replace(target, address="farm", port=port)).shell() as shell:
            assert shell.run("echo in", timeout=10).stdout == b"in\n"


def test_a_connection_that_breaks_in_the_middle_is_lost(
    connect: Opener, target: Target, home: Path, tmp_path: Path
) -> None:
    begun, over = tmp_path / "begun", tmp_path / "over"
    breaking: list[socket.socket] = []
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as behind:

        def passing(peer: socket.socket) -> None:
            breaking.append(peer)
            relay(behind)(peer)

        with listening(passing) as port:
            known(home, port, HOST_KEY)
            shell = connect(replace(target, port=port)).shell()
            assert shell.run("echo in", timeout=10).stdout == b"in\n"
            when(begun.exists, lambda: breaking[0].shutdown(socket.SHUT_RDWR))
            with patience(), pytest.raises(ConnectionLostError, match="in the middle of a script: the host closed it"):
                shell.run(f": >{begun}; until [ -e {over} ]; do sleep 0.05; done", timeout=FOR_EVER)
            over.touch()


def test_a_connection_that_falls_silent_ends_at_the_time_limit(connect: Opener, target: Target, home: Path) -> None:
    cut = threading.Event()
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as behind, listening(relay(behind, cut)) as port:
        known(home, port, HOST_KEY)
        connection = connect(replace(target, port=port))
        shell = connection.shell()
        shell.run("true", timeout=10)
        cut.set()
        with patience():
            with pytest.raises(ConnectionLostError, match="no answer within 1 s"):
                shell.run(": '" + "x" * 300_000 + "'", timeout=1)
            connection.close()


def test_a_silent_host_is_asked_for_a_sign_of_life(
    connect: Opener, target: Target, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again only after it has answered; silence ends nothing but by its answers' absence."""
    ask, asked, thrice = Heartbeat._ask, Counter[str](), tmp_path / "thrice"

    def counted(self: Heartbeat, now: float) -> None:
        ask(self, now)
        asked["all"] += 1
        if asked["all"] == 3:
            thrice.touch()

    monkeypatch.setattr(Heartbeat, "_ask", counted)
    monkeypatch.setattr(shell_module, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    cut = threading.Event()
    with listening(sshd([HOST_KEY], LOGIN_KEY)) as behind, listening(relay(behind, cut)) as port:
        known(home, port, HOST_KEY)
        shell = connect(replace(target, port=port)).shell()
        with patience():
            alive = f"until [ -e {thrice} ]; do sleep 0.05; done; echo alive"
            assert shell.run(alive, timeout=FOR_EVER).stdout == b"alive\n"
            cut.set()
            monkeypatch.setattr(heartbeat, "PATIENCE", 0.5)
            with pytest.raises(ConnectionLostError, match="in the middle of a script: no sign of life for"):
                shell.run("echo", timeout=FOR_EVER)


def _wait_for_end(peer: socket.socket, gone: threading.Event) -> None:
    while peer.recv(4096):
        pass
    gone.set()


def _flood(peer: socket.socket, data: bytes, pause: float) -> None:
    while True:
        peer.sendall(data)
        time.sleep(pause)
