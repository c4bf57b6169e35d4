"""end-orphan: the process that is the unit's own and no other, and only where somebody says so."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from remediations import diagnosis, library, work
from remediations.errors import UsageError
from remediations.facts.base import Unknown
from remediations.facts.restarts import Restart
from remediations.library import known
from remediations.library.end_orphan import EndOrphan
from remediations.plan import Proposal, make
from remediations.playbook import load_playbook
from remediations.snapshot import Snapshot
from tests.causes.alter import units
from tests.causes.recorded import snapshot

APPS = ("app@8001.service", "app@8002.service")
ORPHANS = snapshot("port-orphan")


def plan(host: Snapshot) -> Proposal:
    return EndOrphan().plan(host, diagnosis.diagnose(host))


def unit_with(host: Snapshot, name: str, **changed: object) -> Snapshot:
    unit = dataclasses.replace(units(host)[name], **changed)  # type: ignore[arg-type]  # each test knows its fields
    return replace(host, units={**units(host), name: unit})


def pids(host: Snapshot) -> list[int]:
    assert not isinstance(host.sockets, Unknown)
    return [one.pids[0] for one in host.sockets if one.port in (8001, 8002)]


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["end-orphan"] is EndOrphan


def test_the_orphans_are_ended_and_then_their_units_are_started() -> None:
    host, said = ORPHANS, make(ORPHANS, diagnosis.diagnose(ORPHANS), [EndOrphan()])
    assert [one.action for one in said.actions] == ["end", "end", "start", "start"]
    assert {one.pid for one in said.actions[:2]} == set(pids(host))
    assert tuple(one.unit for one in said.actions[2:]) == APPS


def test_the_host_is_told_by_what_to_know_the_process_again() -> None:
    end = plan(ORPHANS).actions[0]
    assert not isinstance(ORPHANS.owners, Unknown)
    owner = ORPHANS.owners[end.pid or 0]
    assert end.identity == f"{owner.ticks} 33 /usr/bin/php8.2"
    assert owner.ticks > 0


def test_two_plans_that_end_different_processes_differ() -> None:
    findings = diagnosis.diagnose(ORPHANS)
    assert not isinstance(ORPHANS.owners, Unknown)
    later = {pid: replace(one, ticks=one.ticks + 1) for pid, one in ORPHANS.owners.items()}
    plans = [make(host, findings, [EndOrphan()]).sha256 for host in (ORPHANS, replace(ORPHANS, owners=later))]
    assert plans[0] != plans[1]


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(snapshot("healthy")) == Proposal()


def test_another_service_on_the_port_is_left_alone() -> None:
    assert plan(snapshot("port-conflict")) == Proposal()


def test_once_the_orphan_is_gone_a_second_run_has_nothing_left_to_end() -> None:
    assert not isinstance(ORPHANS.sockets, Unknown)
    free = tuple(one for one in ORPHANS.sockets if one.port not in (8001, 8002))
    assert plan(replace(ORPHANS, sockets=free)) == Proposal()


def test_for_a_disabled_unit_nothing_is_ended() -> None:
    said = plan(unit_with(ORPHANS, APPS[0], unit_file_state="disabled"))
    assert [one.unit for one in said.actions if one.action == "start"] == [APPS[1]]
    assert "is disabled" in said.refusals[0]


def test_for_a_unit_that_was_started_too_often_nothing_is_ended() -> None:
    now = int(ORPHANS.machine.now)
    worn = replace(ORPHANS, restarts=tuple(Restart(now - n, APPS[0], "start", "r", "bob") for n in range(3)))
    said = plan(worn)
    assert len([one for one in said.actions if one.action == "end"]) == 1
    assert "3 times" in said.refusals[0]


# --- --allow ---


def done(host: Snapshot, *allow: str) -> tuple[list[str], tuple[str, ...]]:
    todo = work.assemble(load_playbook("502", library.known()), (), (), allow)
    said = work.make_plan(todo, host, diagnosis.diagnose(host))
    return [one.action for one in said.actions], said.refusals


def test_without_allow_it_says_what_it_would_do_and_how_to_say_so() -> None:
    acts, refusals = done(ORPHANS)
    assert acts == []
    assert f"end pid {pids(ORPHANS)[0]}" in refusals[0]
    assert refusals[0].endswith("invoke remediate --host web1 --allow end-orphan")


def test_with_allow_it_acts() -> None:
    assert done(ORPHANS, "end-orphan") == (["end", "end", "start", "start"], ())


def test_where_there_is_nothing_to_allow_nothing_is_said() -> None:
    assert done(snapshot("healthy")) == ([], ())


@pytest.mark.parametrize(
    ("allow", "only", "why"),
    [
        ("end-orfan", (), "no such remediation"),
        ("restart-service", (), "needs nobody's word; those that need it: end-orphan"),
        ("end-orphan", ("restart-service",), "it is not in this run; there are: restart-service"),
    ],
)
def test_what_cannot_be_allowed_is_a_usage_error(allow: str, only: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        work.assemble(load_playbook("502", library.known()), only, (), (allow,))


def test_no_playbook_and_no_setting_can_give_the_word() -> None:
    with pytest.raises(UsageError):
        work.assemble(load_playbook("502", library.known()), (), ("end-orphan.needs_word=false",))
