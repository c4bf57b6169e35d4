"""What the toolkit sends to a host, recorded from a real run, so that a bare ssh can send exactly the same."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from remediations.connections.base import CommandResult, Shell
from remediations.connections.shell import PipeShell
from remediations.request import Request, Verb
from remediations.start import start
from remediations.transaction import Outcome, Transaction


@dataclass(frozen=True)
class Recording:
    """One run: its exit code, its report, and its scripts in the order in which they were sent."""

    exit_code: int
    report: str
    scripts: tuple[str, ...]
    settle: float
    """For how many seconds the host watches the units that were touched."""

    @property
    def stdin(self) -> bytes:
        """The scripts for one `sh -s`, each without a stdin of its own, as the toolkit sends them."""
        return "".join(f"{{ :\n{script}\n\n}} </dev/null\n" for script in self.scripts).encode()


def record(request: Request) -> Recording:
    """Carries the request out against one host, in this process, and listens; its report goes to a file."""
    assert request.output is not None
    scripts: list[str] = []
    settled: list[float] = [0.0]
    send, begin = PipeShell.run, Transaction.begin

    def listening(shell: PipeShell, script: str, **limits: Any) -> CommandResult:
        scripts.append(script)
        return send(shell, script, **limits)

    def noting(transaction: Transaction, shell: Shell) -> Outcome:
        settled.append(transaction.program.settle_for)
        return begin(transaction, shell)

    with (
        patch.object(PipeShell, "run", listening),
        patch.object(Transaction, "begin", noting),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        code = start(request)
    return Recording(code, request.output.read_text(encoding="utf-8"), tuple(scripts), max(settled))


def ask(
    verb: Verb, host: str, inventory: Path, playbook: Path, folder: Path, *, apply: bool, settle: float | None
) -> Request:
    """What the bench asks of one host, as the command line would."""
    return Request(
        verb=verb,
        hosts=(host,),
        inventory=str(inventory),
        playbook=str(playbook),
        dry_run=verb == "remediate" and not apply,
        yes=apply,
        settle=settle,
        output=folder / "report.txt",
        detailed_exitcode=True,
        environ={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
    )
