"""What every run asks of every host, whatever it is about; asked while most of the toolkit is still being imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediations.connections.base import Shell
from remediations.errors import HostAnswerError
from remediations.facts import (
    addresses,
    databases,
    disks,
    machine,
    nginx,
    open_run,
    owners,
    php,
    processes,
    restarts,
    sockets,
    units,
)
from remediations.facts.base import Answer, Fact, join, split

SECONDS = 60

FIRST: tuple[Fact[object], ...] = (
    machine.FACT, sockets.FACT, owners.FACT, processes.FACT, nginx.FACT, php.FACT, databases.FACT, open_run.FACT,
    restarts.FACT, disks.FACT, addresses.FACT,
)  # fmt: skip
BESIDE_FIRST: tuple[Fact[object], ...] = (units.FACT,)
"""systemd takes as long as all the others together, and has a process of its own."""


def ask_first(shell: Shell) -> Mapping[str, Answer]:
    """The answers by the facts' names."""
    return ask(shell, FIRST, BESIDE_FIRST)


def ask(shell: Shell, facts: Sequence[Fact[object]], beside: Sequence[Fact[object]] = ()) -> dict[str, Answer]:
    """One trip: the answers of all these facts, of which those of `beside` run beside the others."""
    question = join(facts, beside=beside)
    answer = shell.run(f"(\n{question.script})", timeout=SECONDS)
    try:
        return split(question, answer.stdout)
    except HostAnswerError as error:
        raise HostAnswerError(f"{shell.host}: {error}") from error
