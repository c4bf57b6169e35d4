"""Names are looked up and resolvers asked: read from what a host prints, and asked of a real shell."""

from __future__ import annotations

import socket
import subprocess
import threading
from ipaddress import ip_address

from remediations.editors.nginx_address import Address
from remediations.facts import names, resolvers
from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.resolvers import Asked


def shell(script: str) -> bytes:
    return subprocess.run(["sh", "-c", PRELUDE + script], capture_output=True, check=True).stdout


def test_a_name_has_addresses_or_none_or_was_not_looked_up() -> None:
    found = names.parse(b"app 0 10.0.0.5 fd00::5 \ngone 2 \nslow 124 \n")
    assert found["app"] == (ip_address("10.0.0.5"), ip_address("fd00::5"))
    assert found["gone"] == ()
    assert isinstance(found["slow"], Unknown)


def test_the_shell_looks_names_up() -> None:
    found = names.parse(shell(names.fact(["localhost", "nowhere.invalid"]).script))
    loopback = found["localhost"]
    assert not isinstance(loopback, Unknown)
    assert all(ip.is_loopback for ip in loopback)
    assert found["nowhere.invalid"] != loopback


def test_a_resolver_that_answers_is_told_from_one_that_is_silent() -> None:
    """A real question over UDP, and whatever comes back."""
    asked: list[bytes] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
    ):
        server.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))

        def answer() -> None:
            question, client = server.recvfrom(512)
            asked.append(question)
            server.sendto(question, client)

        threading.Thread(target=answer, daemon=True).start()
        both = [
            Asked(Address("127.0.0.1", server.getsockname()[1]), "backend.internal"),
            Asked(Address("127.0.0.1", silent.getsockname()[1]), ""),
        ]
        fact = resolvers.fact(both)
        assert fact.parse(shell(fact.script)) == {both[0]: True, both[1]: False}
    assert b"\x07backend\x08internal\x00\x00\x01\x00\x01" in asked[0]
