"""A host that is logged in to, and asked what every run asks first, while we are still busy with something else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from remediations.connections.base import Shell, Target, Warn
from remediations.connections.head_start import HeadStart
from remediations.connections.open import open_connection

if TYPE_CHECKING:
    from remediations.facts.base import Answer  # not before the login: it would come later


class EarlyConnection:
    """A Connection whose first shell a thread of its own opens from the start, and asks the first facts."""

    def __init__(self, target: Target, warn: Warn) -> None:
        self._connection = open_connection(target, warn, HeadStart(target))
        self._begun: Future[tuple[Shell, Mapping[str, Answer]]] = Future()
        self._given = self._closed = False
        # A daemon: a host that does not answer must not hold up the end of a run that found a fault in its playbook.
        threading.Thread(target=self._begin, name=f"reach {target.name}", daemon=True).start()

    def _begin(self) -> None:
        try:
            shell = self._connection.shell()
            from remediations.first_facts import ask_first  # imported by the main thread meanwhile

            self._begun.set_result((shell, ask_first(shell)))
        except BaseException as error:
            self._begun.set_exception(error)  # raised where the shell is asked for
        if self._closed:  # before the login was through, which knew nothing of it
            self._connection.close()

    def shell(self) -> Shell:
        """See Connection. The first call waits for what is under way."""
        if self._given:
            return self._connection.shell()
        self._given = True
        return self._begun.result()[0]

    def first_answers(self) -> Mapping[str, Answer]:
        """What the host answered in the first shell."""
        return self._begun.result()[1]

    def close(self) -> None:
        """See Connection."""
        self._closed = True
        self._connection.close()
