"""This machine itself as a host: the same shell without a network."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from typing import IO

from remediations.connections.base import Shell, Target
from remediations.connections.root_shell import open_shell
from remediations.errors import BecomeError

READ_BYTES = 256 * 1024
CLOSE_GRACE = 1.0


class LocalConnection:
    """A Connection to the machine that we run on."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._pipes: list[ProcessPipe] = []

    def shell(self) -> Shell:
        """See Connection."""
        return open_shell(self._target, login_is_root=os.geteuid() == 0, start=self._start)

    def close(self) -> None:
        """See Connection."""
        for pipe in self._pipes:
            pipe.close()

    def _start(self, command: str) -> ProcessPipe:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for us to handle, and sudo finds no terminal to ask on
            )
        except OSError as error:
            raise BecomeError(f"{self._target.name}: start /bin/sh: {error.strerror}") from error
        self._pipes.append(ProcessPipe(process))
        return self._pipes[-1]


class ProcessPipe:
    """A Pipe to a child process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._stdin: IO[bytes] = process.stdin
        self._streams = [process.stdout, process.stderr]
        self._open = {stream.fileno() for stream in self._streams}
        self._poll = select.poll()
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)

    def send(self, data: bytes) -> None:
        """See Pipe."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._stdin.write(rest) :]
            except ValueError as error:
                raise BrokenPipeError("closed while it was written to") from error

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """See Pipe."""
        if not self._open:
            return b"", b""
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout * 1000)}
        stdout, stderr = (self._read(stream.fileno(), ready) for stream in self._streams)
        return stdout, stderr

    def _read(self, descriptor: int, ready: set[int]) -> bytes:
        if descriptor not in ready:
            return b""
        data = os.read(descriptor, READ_BYTES)
        if not data:
            self._poll.unregister(descriptor)
            self._open.discard(descriptor)
        return data

    def ended(self) -> bool:
        """See Pipe."""
        return not self._open

    def exit_code(self, timeout: float) -> int | None:
        """See Pipe."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout)
            return code if code >= 0 else None
        return None

    def lost(self) -> str | None:
        """See Pipe: nothing lies between."""
        return None

    def close(self) -> None:
        """See Pipe. An idle shell ends by itself; one that still runs a script is ended."""
        if not self._stdin.closed:
            self._end()
            for stream in self._streams:
                stream.close()
            self._open.clear()

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # the shell is gone already, unread bytes and all
            self._stdin.close()
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(PermissionError):  # sudo runs as root and ends with its pipes
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_GRACE)
                return
