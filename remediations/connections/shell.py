"""The one implementation of Shell: scripts down a pipe, framed answers back, within time and size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from remediations.connections.base import MAX_ANSWER_BYTES, CommandResult
from remediations.connections.framing import Answer, Frame
from remediations.connections.pipe import Pipe
from remediations.connections.words import printable
from remediations.errors import ConnectionLostError, HostAnswerError, RemediateError

MAX_STDERR_BYTES = 64 * 1024
MAX_NOISE_BYTES = 1024 * 1024

# A pipe takes this much at once even if nobody reads yet; more is sent by a thread, so that we read meanwhile.
SENT_AT_ONCE = 16 * 1024
# The program may end without its output ending (a daemon it left holds the other end): look for that now and then.
LOOK_EVERY = 1.0
# stdout and stderr travel apart; how long stderr's end marker may come after that of stdout.
STDERR_GRACE = 0.25
EXIT_GRACE = 2.0

Explain = Callable[[bytes, int | None], RemediateError]
"""Says why the program ended before it was a shell: from its stderr (or last stdout) and its exit code."""


class PipeShell:
    """A Shell over any Pipe that leads to `/bin/sh -s`."""

    def __init__(self, name: str, pipe: Pipe, explain: Explain) -> None:
        self._name = name
        self._pipe = pipe
        self._explain = explain
        self._proven = False
        self._gone: str | None = None

    @property
    def host(self) -> str:
        """See Shell."""
        return self._name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """See Shell."""
        self._gone = self._gone or "it was closed"
        self._pipe.close()

    def run(self, script: str, *, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> CommandResult:
        """See Shell."""
        if self._gone:
            raise ConnectionLostError(f"{self._name}: run a script: the shell is gone: {self._gone}")
        frame = Frame.random()
        answer = Answer(frame, max_bytes, MAX_STDERR_BYTES)
        try:
            return self._exchange(frame.wrap(script), answer, timeout)
        except BaseException as error:
            # Whatever went wrong, KeyboardInterrupt too: an answer may still be on its way, so the shell is of no use.
            self._gone = str(error) or type(error).__name__
            self._pipe.close()
            raise

    def _exchange(self, script: bytes, answer: Answer, timeout: float) -> CommandResult:
        deadline = time.monotonic() + timeout
        self._send(script)
        while answer.exit_code is None:
            self._read_into(answer, deadline, timeout)
        grace = min(deadline, time.monotonic() + STDERR_GRACE)
        while not answer.stderr.ended and (left := grace - time.monotonic()) > 0 and not self._pipe.ended():
            self._feed(answer, left)
        self._proven = True
        return CommandResult(answer.exit_code, answer.stdout.content, answer.stderr.content)

    def _send(self, data: bytes) -> None:
        if len(data) <= SENT_AT_ONCE:
            self._send_all(data)
        else:
            threading.Thread(target=self._send_all, args=(data,), name=f"send to {self._name}", daemon=True).start()

    def _send_all(self, data: bytes) -> None:
        try:
            self._pipe.send(data)
        except OSError:
            return  # the reading side sees the same end and knows more: stderr and the exit code

    def _read_into(self, answer: Answer, deadline: float, timeout: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ConnectionLostError(
                f"{self._name}: no answer within {timeout:g} s; what was asked of the host may still be running there"
            )
        arrived = self._feed(answer, min(left, LOOK_EVERY))
        if answer.stdout.overflowed:
            raise HostAnswerError(
                f"{self._name}: the answer is longer than the {answer.stdout.cap} bytes allowed for it"
            )
        if answer.damaged:
            raise HostAnswerError(f"{self._name}: the answer's end marker has no exit code behind it")
        if answer.stdout.noise_bytes > MAX_NOISE_BYTES:
            raise HostAnswerError(
                f"{self._name}: over {MAX_NOISE_BYTES} bytes came before the answer began (login scripts that print?)"
            )
        if not arrived and answer.exit_code is None and self._over():
            raise self._why_over(answer)

    def _feed(self, answer: Answer, timeout: float) -> bool:
        stdout, stderr = self._pipe.receive(timeout)
        answer.stdout.feed(stdout)
        answer.stderr.feed(stderr)
        return bool(stdout or stderr)

    def _over(self) -> bool:
        return self._pipe.ended() or self._pipe.exit_code(0) is not None

    def _why_over(self, answer: Answer) -> RemediateError:
        code = self._pipe.exit_code(EXIT_GRACE)
        lost = self._pipe.lost()
        if lost or (code is None and self._proven):
            why = lost or "the shell was killed"
            return ConnectionLostError(
                f"{self._name}: the connection ended in the middle of a script: {why}; what ran may still be running"
            )
        if not answer.stdout.begun:
            return self._why_not_begun(answer, code)
        said = printable(answer.stderr.content)
        ended = "was killed" if code is None else f"ended with exit code {code}"
        return HostAnswerError(
            f"{self._name}: the shell {ended} in the middle of a script" + (f": {said}" if said else "")
        )

    def _why_not_begun(self, answer: Answer, code: int | None) -> RemediateError:
        said = (answer.stderr.noise + answer.stderr.content).strip() or answer.stdout.noise + answer.stdout.content
        if self._proven:
            return ConnectionLostError(f"{self._name}: the shell ended (exit code {code}) between two scripts")
        return self._explain(said, code)
