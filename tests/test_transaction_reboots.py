"""A host that goes down in the middle: the next boot undoes before the daemons start, and nothing is left."""

from __future__ import annotations

import pytest

from tests.eye import JOURNAL, Eye, state_of
from tests.held import FULL, held, in_the_background, wait_at
from tests.lab.host import LabHost
from tests.on_host import on

SWAPPED = ["SWAPPED", *(["PREPARED", "SWAPPING", "ACTING", "ROLLING_BACK", "UNDONE"] if FULL else [])]


@pytest.mark.parametrize("point", SWAPPED)
def test_a_crash_on_the_way_is_undone_by_the_next_boot_before_the_daemons_start(web1: LabHost, point: str) -> None:
    """SWAPPED is the hardest: systemd has read the new unit files in this boot, which nobody has told it to."""
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = at.transaction(*eye.changes(at), confirm_within=1)
        with held(point), in_the_background(transaction.begin) as said:
            wait_at(web1, transaction.run, point)
            web1.crash_and_reboot()
    assert all(outcome.state == "await" for outcome in said), said
    state = undone_by_the_boot(web1, eye, transaction.run)
    assert state == ("REFUSED" if point == "PREPARED" else "ROLLED_BACK")


@pytest.mark.parametrize("how", ["crash", "orderly"])
def test_a_reboot_in_await_undoes(web1: LabHost, how: str) -> None:
    """On an orderly way down the unit's end undoes, and reloads nothing any more; else the boot does."""
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = at.transaction(*eye.changes(at))
        assert transaction.begin().state == "await"
    if how == "crash":
        web1.crash_and_reboot()
    else:
        web1.reboot()
    assert undone_by_the_boot(web1, eye, transaction.run) == "ROLLED_BACK"


def undone_by_the_boot(host: LabHost, eye: Eye, run: str) -> str:
    state = state_of(host, run)
    stamps = host.sh(f"stat -c %Z {JOURNAL}/txn/{run}/state.{state}; stat -c %Y /run/nginx.pid").split()
    assert int(stamps[0]) <= int(stamps[1]), "nginx had been started by then"
    eye.sees("old")
    return state


def test_what_was_committed_stands_after_a_crash(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        with held("COMMITTED"):
            transaction = at.transaction(*eye.changes(at))
            assert transaction.begin().state == "await"
        with in_the_background(transaction.confirm):
            wait_at(web1, transaction.run, "COMMITTED")
            web1.crash_and_reboot()
    assert state_of(web1, transaction.run) == "COMMITTED"
    eye.sees("new")
