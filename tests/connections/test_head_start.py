"""A login may use a TCP connection that was made before; it never leads where the SSH libraries would not go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediations.connections.base import Target
from remediations.connections.head_start import HeadStart
from remediations.connections.open import open_connection
from remediations.connections.ssh import hop
from remediations.errors import ConnectionRefusedByHostError
from tests.connections.conftest import target_of
from tests.lab.host import LabHost

SOON = 5.0
A_WHILE = 0.3


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON)
        yield server


def target(listener: socket.socket, **more: str) -> Target:
    return Target("web1", "127.0.0.1", port(listener), **more)  # type: ignore[arg-type]  # only texts are given


def port(listener: socket.socket) -> int:
    number: int = listener.getsockname()[1]
    return number


def nobody_calls(listener: socket.socket) -> bool:
    listener.settimeout(A_WHILE)
    try:
        listener.accept()
    except TimeoutError:
        return True
    return False


def test_the_host_is_dialled_before_anybody_asks(listener: socket.socket) -> None:
    start = HeadStart(target(listener))
    theirs, address = listener.accept()
    ours = start.take("127.0.0.1", port(listener))
    assert ours is not None
    with theirs, ours:
        assert ours.getsockname() == address


def test_a_connection_is_given_once(listener: socket.socket) -> None:
    start = HeadStart(target(listener))
    first = start.take("127.0.0.1", port(listener))
    assert first is not None
    with first:
        assert start.take("127.0.0.1", port(listener)) is None


def test_what_leads_elsewhere_is_hung_up(listener: socket.socket) -> None:
    start = HeadStart(target(listener))
    assert start.take("127.0.0.2", port(listener)) is None
    theirs, _ = listener.accept()
    with theirs:
        theirs.settimeout(SOON)
        assert theirs.recv(1) == b""


def test_what_nobody_takes_is_hung_up(listener: socket.socket) -> None:
    start = HeadStart(target(listener))
    start.close()
    start.close()
    theirs, _ = listener.accept()
    with theirs:
        theirs.settimeout(SOON)
        assert theirs.recv(1) == b""


def test_why_it_failed_is_said_where_it_is_taken(listener: socket.socket) -> None:
    free = port(listener)
    listener.close()
    start = HeadStart(Target("web1", "127.0.0.1", free))
    with pytest.raises(ConnectionRefusedByHostError, match=f"web1: connect to 127.0.0.1:{free}: connection refused"):
        start.take("127.0.0.1", free)


@pytest.mark.parametrize(
    "config",
    [
        "Host 127.0.0.1\n  HostName 127.0.0.9\n",
        "host 127.0.0.1\n\tport=2222\n",
        "Host *\n  ProxyJump bastion\n",
        "ProxyCommand nc %h %p\n",
        "Match all\n  User admin\n",
        "CanonicalizeHostname yes\n",
    ],
)
def test_where_ssh_config_may_lead_elsewhere_nobody_is_dialled(
    config: str, home: Path, listener: socket.socket
) -> None:
    (home / ".ssh" / "config").write_text(config)
    start = HeadStart(target(listener))
    assert nobody_calls(listener)
    assert start.take("127.0.0.1", port(listener)) is None


def test_what_else_stands_in_ssh_config_does_not_matter(home: Path, listener: socket.socket) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  SendEnv LANG\n  User admin\n  ForwardAgent no\n")
    start = HeadStart(target(listener))
    listener.accept()[0].close()
    start.close()


@pytest.mark.parametrize("more", [{"jump": "bastion"}, {"connection": "local"}])
def test_a_host_behind_another_and_this_machine_are_not_dialled(more: dict[str, str], listener: socket.socket) -> None:
    start = HeadStart(target(listener, **more))
    assert nobody_calls(listener)
    start.close()


@pytest.mark.lab
def test_a_login_needs_no_second_connection(plain_host: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("dialled again")

    monkeypatch.setattr(hop, "dial", refuse)
    aim = target_of(plain_host)
    connection = open_connection(aim, head_start=HeadStart(aim))
    try:
        assert connection.shell().run("echo here", timeout=10).stdout == b"here\n"
    finally:
        connection.close()
