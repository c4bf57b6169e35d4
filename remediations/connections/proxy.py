"""ProxyCommand: a program whose stdin and stdout are the way to the host.

Paramiko's own ProxyCommand never notices that its program ended; a socket pair does.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading

from remediations.connections.dial import QuickSocket


class ProxySocket(QuickSocket):
    """Our end of the program's stdin and stdout; closing it ends the program."""

    program: subprocess.Popen[bytes] | None = None
    said: bytes = b""
    """The last of what the program printed on stderr."""

    def close(self) -> None:
        super().close()
        if self.program is not None and self.program.poll() is None:
            self.program.terminate()

    def listen_to_stderr(self) -> None:
        """Drain the program's stderr for as long as it lives, then reap it."""
        assert self.program is not None
        assert self.program.stderr is not None
        with self.program.stderr as stderr:
            while line := stderr.readline(4096):
                self.said = (self.said + line)[-2000:]
        self.program.wait()


def open_proxy(command: str) -> ProxySocket:
    """Start `command` by /bin/sh, as ssh does, and return our end of it."""
    ours, theirs = socket.socketpair()
    with theirs:
        proxy = ProxySocket(fileno=ours.detach())
        with contextlib.ExitStack() as undo:
            undo.callback(proxy.close)
            proxy.program = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us to handle
            )
            undo.pop_all()
    threading.Thread(target=proxy.listen_to_stderr, name="proxy stderr", daemon=True).start()
    return proxy
