"""What happens around a run: cut lines, other hands, a second run, clocks, logs. Undone or refused, never mixed."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import partial

import pytest

from remediations.errors import RemediateError
from remediations.transaction import Transaction
from tests.conftest import LabHostFactory
from tests.eye import CREATED, JOURNAL, Eye, end_of, state_of
from tests.held import (
    FULL,
    NOT_YET,
    edited,
    held,
    in_the_background,
    kill_at,
    let_go,
    pass_the_deadline,
    wait_at,
)
from tests.lab.commands import run as here
from tests.lab.host import LabHost
from tests.on_host import NGINX, POOL, SITE, OverShell, create, on
from tests.patience import eventually, when

CUT = "pkill -KILL -f '^sshd: (root|deploy)'"
CUTS = 40 if FULL else 2
WITHOUT_END = ('      -p "ExecStopPost=/bin/sh $base/txn/$run/program.sh rollback $run" \\\n', "")
MINE = b"# somebody else's\n"


# --- the line ---


def test_a_run_whose_session_is_cut_goes_on_by_itself_and_undoes_at_its_deadline(web1: LabHost) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    eye = Eye.on(web1)
    for number in range(CUTS):
        after = dice.uniform(0, 2)
        told = f"seed {seed}, cut {number} after {after:.2f} s"
        with on(web1) as at:
            transaction = at.transaction(*eye.changes(at), confirm_within=1)
            has_begun = partial(started, web1, transaction)
            wait = f"until [ -d {JOURNAL}/txn/{transaction.run} ]; do sleep 0.01; done; sleep {after:.2f}; {CUT}"
            web1.sh(f'setsid -f timeout 30 sh -c "{wait}" </dev/null >/dev/null 2>&1')
            with in_the_background(transaction.begin):
                eventually(has_begun)
        assert end_of(web1, transaction.run) == "ROLLED_BACK", told
        assert b"failed nobody confirmed in time" in web1.read(f"{JOURNAL}/txn/{transaction.run}/log"), told
        eye.sees("old")


def started(host: LabHost, transaction: OverShell) -> bool:
    return host.sh(f"cat {JOURNAL}/txn/{transaction.run}/log 2>/dev/null || true") != b""


def test_a_dead_line_in_await_undoes(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        with edited(NOT_YET):
            transaction = at.transaction(*eye.changes(at))
            assert transaction.begin().state == "await"
        here("ip", "link", "set", web1.veth, "down")
        try:
            pass_the_deadline(web1, transaction.run)
            assert end_of(web1, transaction.run) == "ROLLED_BACK"
            eye.sees("old")
        finally:
            here("ip", "link", "set", web1.veth, "up")


def test_a_change_that_locks_us_out_is_undone_and_lets_us_in_again(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        locks_out = create("/etc/ssh/sshd_config.d/0.conf", b"AllowUsers nobody\n")
        transaction = at.transaction(locks_out, at.act("reload", "ssh.service"))
        with held("LATE", also=[NOT_YET]):
            assert transaction.begin().state == "await"
        pass_the_deadline(web1, transaction.run)
        wait_at(web1, transaction.run, "LATE")
        with pytest.raises(RemediateError), on(web1):
            pass
        kill_at(web1, transaction.run, "LATE")
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
    with on(web1):
        eye.sees("old")


# --- other people's hands ---


@pytest.mark.parametrize("end", ["confirm", "undo", "silence"] if FULL else ["confirm"])
def test_a_file_that_somebody_edits_in_await_is_neither_confirmed_nor_overwritten(web1: LabHost, end: str) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = at.transaction(*eye.changes(at))
        with edited(NOT_YET):
            assert transaction.begin().state == "await"
        web1.sh(f"cat >>{SITE}", stdin=MINE)
        if end == "silence":
            pass_the_deadline(web1, transaction.run)
            assert end_of(web1, transaction.run) == "NEEDS_HUMAN"
        outcome = transaction.undo() if end == "undo" else transaction.confirm()
    assert outcome.state == "needs_human", outcome
    assert f"somebody else changed {SITE} meanwhile" in str(outcome.failure)
    assert web1.read(SITE) == eye.edited[SITE] + MINE
    others = {POOL: eye.edited[POOL], **eye.created}
    assert {path: web1.read(path) for path in others} == others, "the others are left as they are"
    for kept in (f"{JOURNAL}/txn/{transaction.run}/before/1", f"{beside(SITE, transaction.run)}.orig"):
        assert web1.read(kept) == eye.old[SITE]
    web1.sh(f"! ls {JOURNAL}/current /etc/systemd/system/remediate-* 2>/dev/null")


def beside(path: str, run: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.remediate-{run}"


@pytest.mark.parametrize("variant", ["", "python"] if FULL else [""])
def test_bytes_that_somebody_writes_before_the_swap_or_on_the_way_back_are_kept(
    lab_host: LabHostFactory, variant: str
) -> None:
    host = lab_host("web1", variant)
    eye = Eye.on(host)
    with on(host) as at:
        with held("STAGED"):
            transaction = at.transaction(*eye.changes(at))
            with in_the_background(transaction.begin) as said:
                wait_at(host, transaction.run, "STAGED")
                host.sh(f"cat >>{SITE}", stdin=MINE)
                let_go(host, transaction.run, "STAGED")
        assert said[0].state == "rolled_back", said
        assert f"{SITE} changed at this moment" in str(said[0].failure)
        assert host.read(SITE) == eye.old[SITE] + MINE
        host.sh(f"cat >{SITE}; touch -d @{eye.before.files[SITE].mtime} {SITE}", stdin=eye.old[SITE])
        eye.sees("old")

        with held("ROLLING_BACK"):
            transaction = at.transaction(*eye.changes(at))
            assert transaction.begin().state == "await"
            with in_the_background(transaction.undo) as said:
                wait_at(host, transaction.run, "ROLLING_BACK")
                host.sh(f"cat >>{SITE}", stdin=MINE)
                let_go(host, transaction.run, "ROLLING_BACK")
    assert said[0].state == "needs_human", said
    assert host.read(SITE) == eye.edited[SITE] + MINE
    assert host.read(POOL) == eye.old[POOL], "what was ours was put back"


def test_bytes_that_come_out_of_the_way_back_survive_a_kill_at_that_moment(web1: LabHost) -> None:
    """Somebody writes into a file that we have made, just before it is taken away, and then we die."""
    eye = Eye.on(web1)
    check = '  if came_out "$aside" "$2"; then rm'
    slow = f"  case $1 in {CREATED}) hold TAKEN ;; esac\n{check}"
    with on(web1) as at:
        with held("ROLLING_BACK", also=[(check, slow)]):
            transaction = at.transaction(*eye.changes(at))
            assert transaction.begin().state == "await"
        kill_at(web1, transaction.run, "TAKEN")
        with in_the_background(transaction.undo) as said:
            wait_at(web1, transaction.run, "ROLLING_BACK")
            web1.sh(f"cat >>{CREATED}", stdin=MINE)
            let_go(web1, transaction.run, "ROLLING_BACK")
    assert said[0].state == "needs_human", said
    assert web1.read(f"{beside(CREATED, transaction.run)}.orig") == eye.created[CREATED] + MINE


# --- a second run ---


def test_a_second_run_is_told_who_holds_the_host_and_can_wait_for_it(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at, on(web1) as also:
        first = at.transaction(*eye.changes(at))
        assert first.begin().state == "await"
        change = create("/etc/nginx/second.txt", b"second\n")
        refused = also.begin(change)
        assert refused.state == "locked"
        who = rf"another run is changing this host: {first.run} since \S+Z by \S+ from \S+ \(by-hand\)"
        assert re.fullmatch(who, str(refused.failure)), refused.failure
        second = also.transaction(change, wait_lock=60)
        with in_the_background(second.begin) as said:
            eventually(lambda: started(web1, second))
            assert first.confirm().state == "committed"
        assert said[0].state == "await", said
        assert second.undo().state == "rolled_back"
    eye.sees("new")


def test_the_name_of_a_holder_that_is_dead_stops_nobody_and_its_run_is_ended_first(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        with edited(WITHOUT_END):
            dead = at.transaction(*eye.changes(at))
            assert dead.begin().state == "await"
        web1.sh(f"systemctl kill -s KILL --kill-whom=all remediate-{dead.run}")
        assert web1.read(f"{JOURNAL}/holder").startswith(dead.run.encode())
        assert state_of(web1, dead.run) == "AWAIT"
        after = at.transaction(create("/etc/nginx/second.txt", b"second\n"))
        begun = after.begin()
        assert (begun.state, begun.did("recovered")) == ("await", (dead.run,)), begun
        assert (state_of(web1, dead.run), after.undo().state) == ("ROLLED_BACK", "rolled_back")
        eye.sees("old")


# --- words that come late, twice or from somebody else ---


def test_only_the_right_word_confirms_and_what_is_confirmed_stays(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = at.transaction(*eye.changes(at))
        assert transaction.begin().state == "await"
        other = replace(transaction.transaction.program, nonce="0" * 32)
        stranger = replace(transaction, transaction=Transaction(other)).confirm()
        assert (stranger.state, stranger.failure) == ("await", "a confirmation came with a wrong nonce")
        assert [transaction.confirm().state for _ in range(2)] == ["committed", "committed"]
        assert transaction.undo().state == "committed"
        eye.sees("new")


def test_a_word_that_comes_too_late_is_told_the_end(web1: LabHost) -> None:
    eye = Eye.on(web1)
    with on(web1) as at:
        transaction = at.transaction(*eye.changes(at))
        with held("LATE", also=[NOT_YET]):
            assert transaction.begin().state == "await"
        pass_the_deadline(web1, transaction.run)
        wait_at(web1, transaction.run, "LATE")
        confirms = f"pgrep -f '[p]rogram.sh confirm {transaction.run}' || true"
        when(lambda: web1.sh(confirms), lambda: let_go(web1, transaction.run, "LATE"))
        assert transaction.confirm().state == "rolled_back", "it waits for the end"
        late = transaction.confirm()
        assert (late.state, late.failure) == ("rolled_back", "nobody confirmed in time")
        eye.sees("old")


# --- clocks: the lab's hosts have this machine's, so the jump is in what the program believes ---


def test_a_clock_that_jumps_forward_sets_off_the_timer_which_waits_for_a_run_that_lives(web1: LabHost) -> None:
    """The program's own clock jumps by an hour to and fro as well: no deadline of its moves."""
    eye = Eye.on(web1)
    jumps = "now() { echo $(($(date +%s) + 3600 - $(date +%s) % 3 * 3600)); }\n"
    with on(web1) as at:
        with edited(
            ("now() { date +%s; }\n", jumps), ('"@$(($(now) + begin_seconds + confirm_within + 60))"', "'4 seconds'")
        ):
            transaction = at.transaction(*eye.changes(at), confirm_within=6)
            assert transaction.begin().state == "await"
        undoing = f"systemctl is-active remediate-{transaction.run}-undo.service || true"
        eventually(lambda: web1.sh(undoing) == b"activating\n" or web1.sh(undoing) == b"active\n")
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
        assert b"failed nobody confirmed in time" in web1.read(f"{JOURNAL}/txn/{transaction.run}/log")
        eye.sees("old")


# --- systemd and logs ---


def test_a_storm_of_daemon_reloads_does_not_keep_the_timer_from_undoing(web1: LabHost) -> None:
    """A timer with a relative time would begin anew at each of them."""
    eye = Eye.on(web1)
    web1.sh("setsid -f sh -c 'until [ -e /run/calm ]; do systemctl daemon-reload; sleep 0.3; done' >/dev/null 2>&1")
    with on(web1) as at:
        with edited(WITHOUT_END, ("begin_seconds + confirm_within + 60))", "8))")):
            transaction = at.transaction(*eye.changes(at))
            assert transaction.begin().state == "await"
        web1.sh(f"systemctl kill -s KILL --kill-whom=all remediate-{transaction.run}")
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
        web1.sh("touch /run/calm")
        eye.sees("old")


@pytest.mark.parametrize("takes", [True, False] if FULL else [True])
def test_a_log_that_is_rotated_between_the_reload_and_its_proof_hides_nothing(web1: LabHost, takes: bool) -> None:
    eye = Eye.on(web1)
    rotate = (
        "  tries=0\n  while [ $tries -lt 100 ]",
        '  [ -e rotated ] || { : >rotated; mv "$nginx_log" "$nginx_log.1"; kill -USR1 "$1"; }\n'
        "  tries=0\n  while [ $tries -lt 100 ]",
    )
    taken = (b"listen 80 default_server;", b"listen 80 default_server; listen 22;")
    with on(web1) as at, edited(rotate):
        changes = eye.changes(at) if takes else (at.edit(SITE, taken), at.act("reload", NGINX))
        transaction = at.transaction(*changes)
        outcome = transaction.begin()
        assert web1.sh(f"ls {JOURNAL}/txn/{transaction.run}/rotated")
        if takes:
            assert (outcome.state, transaction.confirm().state) == ("await", "committed")
        else:
            assert outcome.state == "rolled_back", outcome
            assert "the reload did not take" in str(outcome.failure)
    eye.sees("new" if takes else "old")
