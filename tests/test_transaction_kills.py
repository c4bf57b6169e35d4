"""kill -9 at every state, and then again: whoever ends the run, it is all of it or nothing, and nothing is left."""

from __future__ import annotations

import pytest

from remediations.transaction import Outcome
from tests.conftest import LabHostFactory
from tests.eye import FINAL, JOURNAL, Eye, eventually
from tests.held import held, kill_at, wait_at
from tests.lab.host import LabHost
from tests.on_host import OverShell, on


def run_of(transaction: OverShell) -> str:
    return transaction.transaction.program.run


def state_of(host: LabHost, run: str) -> str:
    """The name of the one file, read by nobody's program but `ls`."""
    names = host.sh(f"ls {JOURNAL}/txn/{run}").decode().split()
    states = [name.partition(".")[2] for name in names if name.startswith("state.")]
    assert len(states) == 1, names
    return states[0]


def end_of(host: LabHost, run: str) -> str:
    eventually(
        lambda: state_of(host, run) in FINAL,
        lambda: host.sh(f"ls {JOURNAL}/txn/{run}; cat {JOURNAL}/txn/{run}/log").decode(),
    )
    return state_of(host, run)


def test_a_kill_before_the_first_swap_changes_nothing_and_later_puts_everything_back(web1: LabHost) -> None:
    eye = Eye.on(web1)
    points = {
        "NEW": "refused",
        "PREPARED": "refused",
        "STAGED": "refused",
        "SWAPPING": "rolled_back",
        "ACTING": "rolled_back",
        "SETTLED": "rolled_back",
    }
    with on(web1) as at:
        for point, state in points.items():
            transaction = at.transaction(*eye.changes(at))
            with held(point):
                kill_at(web1, run_of(transaction), point)
                outcome = transaction.begin()
            assert outcome.state == state, (point, outcome)
            eye.sees("old")
            assert (state_of(web1, run_of(transaction)).lower(), transaction.look().state) == (state, state)
