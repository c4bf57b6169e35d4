"""history, confirm and recover on real hosts: what the host remembers, and what a person still has to end."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests import contract
from tests.command_line import Answer, CommandLine
from tests.conftest import LabHostFactory
from tests.eye import JOURNAL, end_of
from tests.held import NOT_YET, edited, pass_the_deadline
from tests.lab import faults
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, files_of, leftovers, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")
TXN = "/var/lib/remediate/txn"


@pytest.fixture
def command(tmp_path: Path, web1: LabHost) -> CommandLine:
    line = CommandLine(tmp_path)
    line.knows(web1)
    return line


def said(command: CommandLine, verb: str, *words: str) -> Answer:
    settle = ("--settle", "0.5") if verb == "undo" else ()
    answer = command.json(verb, "--host", "web1", *settle, *words)
    assert answer.stdout, answer
    contract.check(answer.document)
    return answer


def wait(host: LabHost, **more: float) -> str:
    """A run that stands and waits for its confirmation, as --hold leaves it; returns its id."""
    with on(host) as at:
        made = at.transaction(at.edit(SITE, HEADER), at.act("reload", NGINX), **more)
        begun = made.begin()
        assert begun.state == "await", begun
        return made.transaction.program.run


def interrupted(host: LabHost) -> str:
    """A run cut off in AWAIT with all that would have undone it by itself: left to a later run, or to a person."""
    run = wait(host)
    host.sh(
        f"cd {TXN}/{run} && mv program.sh away && systemctl stop remediate-{run}-undo.timer && "
        f"systemctl kill -s KILL remediate-{run}.service; "
        f"until systemctl show -p ActiveState remediate-{run}.service | grep -q -e inactive -e failed; do sleep 0.1; "
        "done; mv away program.sh; "
        f"ls {TXN}/{run}/state.AWAIT"
    )
    return run


def served(host: LabHost) -> bool:
    return b"X-Edited" in host.sh("curl -si -m 10 -H 'Host: shop.example' http://127.0.0.1/")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


# --- history ---


def test_a_host_without_runs_says_so(web1: LabHost, command: CommandLine) -> None:
    answer = command("history", "--host", "web1")
    assert (answer.exit_code, answer.stdout) == (0, "web1  no run of this toolkit is known here\n")
    document = command.json("history", "--host", "web1").document
    assert document["hosts"][0]["history"] == {"runs": [], "open": None, "holder": None, "damaged": 0}
    assert web1.sh("ls -A /var/lib/remediate 2>/dev/null; exit 0") == b"", "asking leaves nothing there"


def test_the_runs_of_two_users_are_told_with_all_that_they_did(web1: LabHost, command: CommandLine) -> None:
    ann = replace(command, environment={"LOGNAME": "ann"})
    bob = replace(command, environment={"LOGNAME": "bob"})
    first = ann.remediate("--only", "upstream-max-fails", "--settle", "0.5")
    assert first.host["status"] == "changed", first.host
    second = said(bob, "undo", "--yes")
    assert second.host["status"] == "changed", second.host
    told = command.json("history", "--host", "web1").document["hosts"][0]["history"]
    one, two = told["runs"]
    assert [one["run"], two["run"]] == [first.document["run"], second.document["run"]]
    assert [one["who"], two["who"]] == ["ann", "bob"]
    assert [one["state"], two["state"]] == ["committed", "committed"]
    assert (one["remediations"], one["undone_by"]) == (["upstream-max-fails"], two["run"])
    assert (two["undoes"], two["undone_by"]) == (one["run"], None)
    assert one["acts"] == [{"action": "reload", "unit": NGINX}]
    assert [(f["path"], f["before"], f["after"]) for f in two["files"]] == [
        (f["path"], f["after"], f["before"]) for f in one["files"]
    ]
    text = command("history", "--host", "web1").stdout
    head, columns, latest, earlier = text.splitlines()
    assert head == "web1  2 runs"
    assert columns.split()[:1] == ["when"]
    assert two["run"] in latest
    assert f"undo {one['run']} (1 file, reload {NGINX})" in latest
    assert f"committed, undone by {two['run']}" in earlier
    assert " ann " in earlier


def test_who_may_not_read_the_journal_is_told_so(lab_host: LabHostFactory, tmp_path: Path) -> None:
    host, command = lab_host("web1", "sudo-user"), CommandLine(tmp_path)
    command.knows(host)
    assert said(command, "history").host["history"]["runs"] == []
    wait(host)
    assert len(said(command, "history").host["history"]["runs"]) == 1
    command.knows(host, ansible_become=False)
    answer = said(command, "history")
    assert (answer.exit_code, answer.host["status"]) == (3, "unknown")
    assert "/var/lib/remediate may not be read" in answer.host["error"]


def test_an_open_run_stands_out_with_what_to_do(web1: LabHost, command: CommandLine) -> None:
    run = wait(web1)
    text = command("history", "--host", "web1").stdout
    assert re.search(rf"it waits for a confirmation until \d.*\d: invoke confirm --host web1 --run {run}", text)
    assert f"at work {run} since" in text
    (told,) = command.json("history", "--host", "web1").document["hosts"][0]["history"]["runs"]
    assert told["state"] == "await"
    assert 0 < seconds(told["until"]) - seconds(told["when"]) < 180
    assert "invoke undo" in told["advice"]


# --- confirm ---


def test_a_held_run_is_confirmed_once_and_stands(web1: LabHost, command: CommandLine) -> None:
    run = wait(web1)
    answer = said(command, "confirm", "--run", run)
    assert (answer.exit_code, answer.host["status"]) == (0, "changed"), answer.host
    assert [(one["action"], one["target"]) for one in answer.host["changes"]] == [("edit", SITE), ("reload", NGINX)]
    assert "+    add_header X-Edited yes;" in answer.host["changes"][0]["diff"]
    assert answer.host["health"]["after"]["ok"] is True
    assert answer.host["warnings"] == [], "the run that is confirmed is no other run"
    assert served(web1)
    again = said(command, "confirm", "--run", run)
    assert (again.exit_code, again.host["status"]) == (0, "ok")
    assert again.host["notes"] == [f"confirm: run {run} was confirmed before: nothing to do"]
    assert leftovers(web1) == ""


def test_a_confirmation_that_comes_too_late_says_that_all_was_put_back(web1: LabHost, command: CommandLine) -> None:
    with edited(NOT_YET):
        run = wait(web1)
    pass_the_deadline(web1, run)
    assert end_of(web1, run) == "ROLLED_BACK"
    answer = said(command, "confirm", "--run", run)
    assert (answer.exit_code, answer.host["status"]) == (3, "rolled_back"), answer.host
    assert (
        f"run {run} can no longer be confirmed: nobody confirmed in time; everything was put back"
        in (answer.host["error"])
    )
    assert not served(web1)


def test_a_run_that_there_is_not_and_one_that_failed_are_told_apart(web1: LabHost, command: CommandLine) -> None:
    answer = said(command, "confirm", "--run", "20200101T000000Z-abcdef")
    assert (answer.exit_code, answer.host["status"]) == (3, "refused")
    assert "there is no such run on this host" in answer.host["error"]
    with on(web1) as at:
        bad = at.transaction(at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 0")), at.act("reload", FPM))
        assert bad.begin().state == "rolled_back"
        change = at.edit(SITE, HEADER)
        web1.sh(f"echo '# mine' >>{SITE}")
        drifted = at.transaction(change)
        assert drifted.begin().state == "refused"
    late = said(command, "confirm", "--run", bad.transaction.program.run)
    assert (late.exit_code, late.host["status"]) == (3, "rolled_back")
    never = said(command, "confirm", "--run", drifted.transaction.program.run)
    assert (never.exit_code, never.host["status"]) == (3, "refused")
    assert "changed since the plan" in never.host["error"]


def test_a_bad_site_is_not_confirmed_and_undone_at_once_on_demand(web1: LabHost, command: CommandLine) -> None:
    before = web1.read(SITE)
    run = wait(web1)
    faults.service_stopped(web1)
    answer = said(command.impatient, "confirm", "--run", run)
    assert (answer.exit_code, answer.host["status"]) == (3, "refused"), answer.host
    assert "is not confirmed: the site is not good" in answer.host["error"]
    assert web1.read(SITE) != before
    back = said(command.impatient, "undo", "--run", run, "--yes")
    assert (back.exit_code, back.host["status"]) == (3, "failed"), back.host
    assert "the undo stands, as asked; the site is still bad" in back.host["error"]
    assert web1.read(SITE) == before
    assert said(command, "history").host["history"]["runs"][0]["state"] == "rolled_back"


def test_a_held_run_is_undone_at_once_where_somebody_asks(web1: LabHost, command: CommandLine) -> None:
    run = wait(web1)
    answer = said(command, "undo", "--run", run, "--yes", "--wait-lock", "60")
    assert "nobody confirmed" not in web1.sh(f"cat {JOURNAL}/txn/{run}/log").decode(), "it was not waited for"
    assert (answer.exit_code, answer.host["status"]) == (0, "changed"), answer.host
    assert not served(web1)
    assert leftovers(web1) == ""


def test_another_run_is_not_undone_while_one_waits(web1: LabHost, command: CommandLine) -> None:
    with on(web1) as at:
        assert at.commit(at.append(POOL, b"; x\n"), at.act("reload", FPM)).state == "committed"
    wait(web1)
    answer = said(command, "undo", "--yes")
    assert (answer.exit_code, answer.host["status"]) == (5, "locked"), answer.host
    assert web1.read(POOL).endswith(b"; x\n")


# --- recover ---


def test_where_nothing_was_interrupted_nothing_is_done(web1: LabHost, command: CommandLine) -> None:
    before = files_of(web1, "/etc", "/var/lib")
    answer = said(command, "recover")
    assert (answer.exit_code, answer.host["status"]) == (0, "ok"), answer.host
    assert answer.host["notes"] == ["recover: no run was interrupted: nothing to recover"]
    assert files_of(web1, "/etc", "/var/lib") == before


def test_an_interrupted_run_is_ended_and_its_state_told(web1: LabHost, command: CommandLine) -> None:
    before = web1.read(SITE)
    run = interrupted(web1)
    assert (
        "it was interrupted before its end: invoke recover --host web1" in command("history", "--host", "web1").stdout
    )
    answer = said(command, "recover")
    assert (answer.exit_code, answer.host["status"]) == (0, "ok"), answer.host
    words = f"run {run} was interrupted before its end: everything was put back and the old configuration serves"
    assert words in answer.host["warnings"]
    assert web1.read(SITE) == before
    assert not served(web1)
    assert leftovers(web1) == ""
    assert said(command, "recover").host["notes"] == ["recover: no run was interrupted: nothing to recover"]


def test_what_cannot_be_put_back_is_left_to_a_person(web1: LabHost, command: CommandLine) -> None:
    run = interrupted(web1)
    web1.sh(f"echo '# mine' >>{SITE}")
    answer = said(command, "recover")
    assert (answer.exit_code, answer.host["status"]) == (3, "needs_human"), answer.host
    assert f"somebody else changed {SITE} meanwhile" in answer.host["error"]
    assert f"see {TXN}/{run}/log there" in answer.host["error"]
    assert web1.read(SITE).endswith(b"# mine\n")
    text = command("history", "--host", "web1").stdout
    assert "not everything could be put back: a person must look" in text
    undo = said(command, "undo", "--run", run, "--yes")
    assert undo.host["status"] == "refused"
    assert "a person must look at its files first" in undo.host["error"]


def test_a_run_at_work_is_not_recovered(web1: LabHost, command: CommandLine) -> None:
    run = wait(web1)
    answer = said(command, "recover")
    assert (answer.exit_code, answer.host["status"]) == (5, "locked"), answer.host
    assert f"a run is at work, not interrupted: {run}" in answer.host["error"]
    assert served(web1)


def test_an_undo_ends_an_interrupted_run_first(web1: LabHost, command: CommandLine) -> None:
    with on(web1) as at:
        assert at.commit(at.append(POOL, b"; x\n"), at.act("reload", FPM)).state == "committed"
    run = interrupted(web1)
    answer = said(command, "undo", "--yes")
    assert answer.host["status"] == "changed", answer.host
    assert any(f"run {run} was interrupted before its end" in text for text in answer.host["warnings"])
    assert not web1.read(POOL).endswith(b"; x\n")
    assert not served(web1)
