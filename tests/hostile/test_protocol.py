"""A host that breaks SSH itself to make us keep what it sends: it is cut off in time."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from remediations.connections.base import Target
from remediations.connections.open import open_connection
from remediations.connections.ssh.channel import ChannelPipe
from remediations.connections.ssh.transport import WINDOW_BYTES
from remediations.errors import RemediateError
from tests.command_line import CommandLine
from tests.connections.peers import listening
from tests.hostile.conftest import HURRIED, check
from tests.hostile.host import Host
from tests.hostile.measured import run
from tests.hostile.script import Script
from tests.hostile.sshd import hostile, variables
from tests.hostile.wire import PIECE, Wire
from tests.patience import eventually


def flood(wire: Wire, script: Script) -> None:
    """Answers, and then sends without being given room for it."""
    wire.out(script.framed(b"fine"))
    with wire.channel.lock:
        wire.channel.out_window_size = 1 << 40
    for _ in wire.for_ever():
        wire.out(b"x" * PIECE)


def target(folder: Path, port: int) -> Target:
    entry = variables(folder, port)
    return Target(
        "web1", "127.0.0.1", port, "root", private_key_file=Path(str(entry["ansible_ssh_private_key_file"])),
        known_hosts_files=(folder / "known_hosts",),
    )  # fmt: skip


def test_what_comes_while_nobody_reads_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pipes: list[ChannelPipe] = []
    make = ChannelPipe.__init__

    def kept(self: ChannelPipe, *words: Any) -> None:
        make(self, *words)
        pipes.append(self)
        buffer = self._channel.in_buffer
        feed = buffer.feed

        def measured(data: bytes) -> None:
            feed(data)
            held.append(len(buffer))

        monkeypatch.setattr(buffer, "feed", measured)

    held: list[int] = []
    monkeypatch.setattr(ChannelPipe, "__init__", kept)
    with hostile(Host(misdeeds={"other": flood})) as port:
        connection = open_connection(target(tmp_path, port), lambda _: None)
        with contextlib.closing(connection), connection.shell() as shell:
            assert shell.run("true", timeout=10).stdout == b"fine"
            eventually(lambda: bool(pipes[0].lost()))
            assert WINDOW_BYTES // 2 < max(held) <= WINDOW_BYTES
            assert pipes[0].lost() == "the host sends more than it may"
            with pytest.raises(RemediateError, match=r"^web1: "):
                shell.run("true", timeout=10)


def endless_packet(peer: socket.socket) -> None:
    """Announces two GiB and begins to send them."""
    peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\x7f\xff\xff\xf4" + b"\x04")
    while True:
        peer.sendall(b"\0" * PIECE)


def test_a_packet_of_two_gibibytes_is_not_waited_for(tmp_path: Path) -> None:
    command = CommandLine(tmp_path, {"HOME": str(tmp_path)})
    with listening(endless_packet) as port:
        command.write_inventory(f"all: {{hosts: {{web1: {{ansible_host: 127.0.0.1, ansible_port: {port}}}}}}}")
        answer = run(command, "diagnose", "--host", "web1", module=HURRIED)
    check(answer, 4)
    assert answer.peak < 100 << 20
    assert "a packet of 2147483" in answer.stdout, answer
