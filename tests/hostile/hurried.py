"""The command line with less patience, for hosts that never answer: `python -m tests.hostile.hurried`."""

from __future__ import annotations

import sys

from remediations import first_facts, proof, runner, transaction
from remediations.connections import become
from remediations.transaction import conversation
from remediations.transaction.program import CONFIRM_WITHIN

SECONDS = 4

first_facts.SECONDS = proof.SECONDS = SECONDS
transaction.BEGIN_SECONDS = transaction.END_SECONDS = SECONDS
conversation.MARGIN_SECONDS = 1 - CONFIRM_WITHIN + SECONDS
become.SUDO_TIMEOUT = runner.PATIENCE_SECONDS = SECONDS

if __name__ == "__main__":
    from invoke import program
    from invoke.main import program as invoke

    assert isinstance(invoke, program.Program)
    invoke.run(["invoke", *sys.argv[1:]])
