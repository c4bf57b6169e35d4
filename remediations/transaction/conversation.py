"""The talk with a host about one run, over connections that may be lost: what was not heard is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from remediations.connections.base import Connection, Shell
from remediations.errors import BecomeError, ConnectionLostError, HostAnswerError, RemediateError, UnreachableError
from remediations.transaction import Outcome, Transaction

LOST = (ConnectionLostError, HostAnswerError)
"""The host may have done what it was asked, and we have not heard of it."""

MARGIN_SECONDS = 60.0
"""For how long after its deadline a run may still be undoing what nobody confirmed."""
PAUSE_SECONDS = (1.0, 4.0)


@dataclass
class Conversation:
    """`open` makes a new connection, `say` is told what we are waiting for. Every answer is the host's own."""

    transaction: Transaction
    shell: Shell
    open: Callable[[], Connection]
    say: Callable[[str], None]
    deadline: float = field(default=0.0, init=False)

    def begin(self) -> Outcome:
        """See Transaction.begin."""
        program = self.transaction.program
        self.deadline = time.monotonic() + program.wait_lock + program.confirm_within + MARGIN_SECONDS
        outcome = self._heard(lambda: self.transaction.begin(self.shell))
        self.deadline = time.monotonic() + program.confirm_within + MARGIN_SECONDS
        return outcome

    def come_again(self) -> Outcome | None:
        """A new connection proves that the host still lets us in. Where it does not, the change is taken back."""
        old = self.shell
        try:
            self.shell = self._new_shell()
        except (UnreachableError, BecomeError, HostAnswerError) as error:
            self.say("no new connection can be opened: undoing")
            outcome = self._aborted_over(old, error)
            return replace(outcome, failure=f"after the change no new connection could be opened ({error})")
        return None

    def confirm(self) -> Outcome:
        """See Transaction.confirm; asked once more where the host still waits and has not heard us."""
        outcome = self._heard(lambda: self.transaction.confirm(self.shell))
        return self._heard(lambda: self.transaction.confirm(self.shell)) if outcome.state == "await" else outcome

    def abort(self) -> Outcome:
        """See Transaction.abort."""
        outcome = self._heard(lambda: self.transaction.abort(self.shell))
        return self._heard(lambda: self.transaction.abort(self.shell)) if outcome.state == "await" else outcome

    def again(self, lost: RemediateError) -> Outcome:
        """The state that the host reports over a new connection, as soon as one can be had and it is not busy."""
        self.say("the connection was lost: asking the host again what became of the change")
        pause, (least, most) = 0.0, PAUSE_SECONDS
        outcome = Outcome("unknown", (), str(lost))
        while time.monotonic() + pause < self.deadline:
            time.sleep(pause)
            pause = random.uniform(least, most)  # noqa: S311 - so that many hosts' logins do not come all at once
            try:
                self.shell = self._new_shell()
                outcome = self.transaction.look(self.shell)
            except (UnreachableError, BecomeError, HostAnswerError):
                continue
            if outcome.state not in ("busy", "unknown"):
                break
        return outcome

    def _heard(self, ask: Callable[[], Outcome]) -> Outcome:
        try:
            outcome = ask()
        except LOST as error:
            return self.again(error)
        return self.again(HostAnswerError(outcome.told)) if outcome.state == "busy" else outcome

    def _aborted_over(self, shell: Shell, error: RemediateError) -> Outcome:
        """The old connection may still carry a word; else the host ends it by itself at its deadline."""
        try:
            return self.transaction.abort(shell)
        except (UnreachableError, HostAnswerError):
            return self.again(error)

    def _new_shell(self) -> Shell:
        return self.open().shell()
