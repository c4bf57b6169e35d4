"""A connection that logs in while its owner is still busy with something else."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from remediations.connections.base import Shell, Target, Warn
from remediations.connections.open import open_connection


class EarlyConnection:
    """A Connection whose first shell is being opened from the start, by a thread of its own."""

    def __init__(self, target: Target, warn: Warn) -> None:
        self._connection = open_connection(target, warn)
        self._first: Future[Shell] | None = Future()
        # A daemon: a host that does not answer must not hold up the end of a run that found a fault in its playbook.
        threading.Thread(target=self._open, args=(self._first,), name=f"reach {target.name}", daemon=True).start()

    def _open(self, first: Future[Shell]) -> None:
        try:
            first.set_result(self._connection.shell())
        except BaseException as error:
            first.set_exception(error)  # raised where the shell is asked for

    def shell(self) -> Shell:
        """See Connection. The first call waits for the login that is under way."""
        first, self._first = self._first, None
        return first.result() if first is not None else self._connection.shell()

    def close(self) -> None:
        """See Connection."""
        self._connection.close()
