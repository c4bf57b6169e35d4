"""kill -9 at every state, and again at what undoes: whoever ends the run, it is all or nothing, and nothing is left."""

from __future__ import annotations

import random

from tests.conftest import LabHostFactory
from tests.eye import JOURNAL, Eye, end_of, state_of
from tests.held import FULL, NOT_YET, edited, held, kill_at, pass_the_deadline, wait_at
from tests.lab.host import LabHost
from tests.on_host import OnHost, OverShell, on

KILLS = 100 if FULL else 6
SOON = ("begin_seconds + confirm_within + 60))", "4))")
"""The timer's date: four seconds from when it is set, instead of some minutes."""


SLOW_TO_TIDY = [('  disarm\n  [ "$(cat', '  sleep 1; disarm\n  [ "$(cat')]
"""Who tells the end before nothing is left is caught by this."""


def begun(at: OnHost, eye: Eye, **more: object) -> OverShell:
    transaction = at.transaction(*eye.changes(at), **more)
    outcome = transaction.begin()
    assert outcome.state == "await", outcome
    return transaction


BEFORE_AWAIT = {"PREPARED": "refused", "SWAPPING": "rolled_back", "ACTING": "rolled_back"}
BACK: tuple[str, ...] = ("ROLLING_BACK",)
if FULL:
    BEFORE_AWAIT |= {"NEW": "refused", "STAGED": "refused", "SWAPPED": "rolled_back", "SETTLED": "rolled_back"}
    BACK = ("ABORTING", "ROLLING_BACK", "UNDONE")


def test_a_kill_before_the_first_swap_changes_nothing_and_later_everything_is_put_back(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        for point, state in BEFORE_AWAIT.items():
            transaction = at.transaction(*eye.changes(at))
            with held(point, also=SLOW_TO_TIDY if point == "PREPARED" else ()):
                kill_at(web1, transaction.run, point)
                outcome = transaction.begin()
            assert (point, outcome.state) == (point, state), outcome
            assert (state_of(web1, transaction.run).lower(), transaction.look().state) == (state, state)
            eye.sees("old")


def test_a_kill_in_await_and_on_the_way_back_does_not_stop_the_way_back(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = begun(at, eye)
        web1.sh(f"kill -9 $(systemctl show -p MainPID --value remediate-{transaction.run})")
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
        assert transaction.confirm().state == "rolled_back"
        eye.sees("old")
        for point in BACK:
            with held(point):
                transaction = begun(at, eye)
            kill_at(web1, transaction.run, point)
            assert (point, transaction.undo().state) == (point, "rolled_back")
            eye.sees("old")


def test_a_kill_right_after_the_commit_leaves_the_commit_and_nothing_else(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        with held("COMMITTED"):
            transaction = begun(at, eye)
        kill_at(web1, transaction.run, "COMMITTED")
        outcome = transaction.confirm()
        assert outcome.state == "committed", outcome
        assert state_of(web1, transaction.run) == "COMMITTED"
        eye.sees("new")
        assert transaction.undo().state == "committed", "what stands is not taken back by a late word"
        eye.sees("new")


def test_when_the_whole_unit_is_killed_with_its_end_the_timer_undoes(web1: LabHost) -> None:
    """The run, then what its end has started: only the timer is left of those that undo."""
    eye = Eye.on(web1)
    hold = (
        "  how=$1\n",
        """  how=$1
  case $how in
    '') how=by-timer; [ -e at.END ] || { echo $$ >at.END; sleep 60; } ;;
    timer) until [ -e at.DEAD ]; do sleep 0.1; done ;; # it may wake before we have killed all that is to be killed
  esac
""",
    )
    with on(web1) as at:
        with edited(SOON, hold):
            transaction = begun(at, eye)
        web1.sh(f"systemctl kill -s KILL --kill-whom=all remediate-{transaction.run}")
        wait_at(web1, transaction.run, "END")
        assert state_of(web1, transaction.run) == "AWAIT"
        web1.sh(
            f"systemctl kill -s KILL --kill-whom=all remediate-{transaction.run}; "
            f": >{JOURNAL}/txn/{transaction.run}/at.DEAD"
        )
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
        web1.sh("systemctl reset-failed")  # the unit whose end we have killed is told as failed, as it should be
        eye.sees("old")


def test_kills_at_random_moments_leave_all_or_nothing_and_the_state_says_which(web1: LabHost) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    eye = Eye.on(web1)
    with on(web1) as at:
        for number in range(KILLS):
            transaction = at.transaction(*eye.changes(at))
            after = dice.uniform(0, 3)
            told = f"seed {seed}, kill {number} after {after:.2f} s"
            kill_after(web1, transaction.run, after)
            outcome = transaction.begin()
            if outcome.state == "await":
                outcome = transaction.undo()
            assert outcome.state in ("rolled_back", "refused"), (told, outcome)
            assert state_of(web1, transaction.run) == outcome.state.upper(), told
            eye.sees("old")


def kill_after(host: LabHost, run: str, seconds: float) -> None:
    """So many seconds after the run has begun, whatever it does then."""
    pid = f"$(systemctl show -p MainPID --value remediate-{run} | grep -vx 0)"
    wait = f'until [ -n "{pid}" ]; do sleep 0.02; done; sleep {seconds:.2f}; kill -9 {pid}'
    host.sh(f"setsid -f timeout 30 sh -c '{wait}' </dev/null >/dev/null 2>&1")


# --- without systemd: a watchdog ---


def pid_of(host: LabHost, verb: str, run: str) -> int:
    return int(host.sh(f"pgrep -of 'program.sh {verb} {run}'"))


def test_without_systemd_a_watchdog_undoes_for_a_run_that_is_killed_and_a_run_needs_no_watchdog(
    lab_host: LabHostFactory,
) -> None:
    """Each begins with facts of its own: PHP-FPM is another process after each reload."""
    host = lab_host("web1", "no-systemd")
    eye = Eye.on(host)
    with on(host) as at:
        transaction = begun(at, eye)
        assert transaction.look().runner == "setsid"
        host.sh(f"kill -9 {pid_of(host, 'apply', transaction.run)}")
        assert end_of(host, transaction.run) == "ROLLED_BACK"
        eye.sees("old")
    with on(host) as at, held("SWAPPING"):
        transaction = at.transaction(*eye.changes(at))
        kill_at(host, transaction.run, "SWAPPING")
        assert transaction.begin().state == "rolled_back"
        eye.sees("old")
    with on(host) as at:
        with edited(NOT_YET):
            transaction = begun(at, eye)
        host.sh(f"kill -9 {pid_of(host, 'watch', transaction.run)}")
        pass_the_deadline(host, transaction.run)
        assert end_of(host, transaction.run) == "ROLLED_BACK"
        eye.sees("old")


def test_without_systemd_the_next_run_first_ends_what_was_killed_with_its_watchdog(lab_host: LabHostFactory) -> None:
    host = lab_host("web1", "no-systemd")
    eye = Eye.on(host)
    with on(host) as at:
        dead = begun(at, eye)
        host.sh(f"kill -9 {pid_of(host, 'watch', dead.run)} {pid_of(host, 'apply', dead.run)}")
        assert state_of(host, dead.run) == "AWAIT"
        host.sh(f"test -e {JOURNAL}/current")
        after = at.transaction(at.append("/etc/nginx/conf.d/includes.conf", b"# next\n"))
        begun_after = after.begin()
        assert (begun_after.state, begun_after.did("recovered")) == ("await", (dead.run,))
        assert state_of(host, dead.run) == "ROLLED_BACK"
        assert after.undo().state == "rolled_back"
        eye.sees("old")
