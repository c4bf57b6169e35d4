"""A command at a terminal, for tests: what a person sees and types; stdout goes elsewhere, as into a file."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from types import TracebackType
from typing import Self

from tests.command_line import CHECKOUT, Answer, CommandLine


class Terminal:
    """`python -m invoke WORDS` with stdin and stderr on a terminal of its own. Ends what it started."""

    def __init__(self, command: CommandLine, *words: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the block
        given = {
            "XDG_STATE_HOME": str(command.folder / "state"),
            "REMEDIATE_INVENTORY": str(command.folder / "inventory.yml"),
            "TERM": "xterm",
            "NO_COLOR": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "invoke", *words], cwd=CHECKOUT, env={**os.environ, **given, **environment},
            stdin=slave, stdout=self._stdout, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        self._stdout.close()

    def sees(self, text: str, seconds: float = 120) -> None:
        """Waits until the text stands on the terminal."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} did not come; seen: {self.seen}"
            if not self._read():
                assert text in self.seen, f"ended without {text!r}; seen: {self.seen}"

    def types(self, text: str) -> None:
        os.write(self._master, text.encode())

    def ends(self, seconds: float = 120) -> Answer:
        """Waits for the end; stderr is what stood on the terminal."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"no end; seen: {self.seen}"
        code = self.process.wait(timeout=max(1.0, deadline - time.monotonic()))
        self._stdout.seek(0)
        return Answer(code, self._stdout.read().decode(), self.seen)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _read(self) -> bool:
        """Whether more may come."""
        ready, _, _ = select.select([self._master], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the other side was closed
            return False
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
