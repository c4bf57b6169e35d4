"""oom-policy: the drop-in for a unit that was stopped whole, and how it keeps out of the way of others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.facts.base import Unknown
from remediations.findings import Evidence, Finding
from remediations.library import known
from remediations.library.oom_policy import OomPolicy
from remediations.library.restart_always import RestartAlways
from remediations.parameters import build
from remediations.plan import Expectation, Proposal
from remediations.snapshot import Snapshot
from tests.builders import host_file
from tests.lab.host import LabHost
from tests.library.nginx_host import diff, host, planned
from tests.library.units import unit, with_units

FPM = "php8.2-fpm.service"
PATH = f"/etc/systemd/system/{FPM}.d/50-remediate-oom.conf"
THEIRS = f"/etc/systemd/system/{FPM}.d/90-ours.conf"
HEAD = "# Written by remediate (oom-policy). Remove this file and run `systemctl daemon-reload` to undo.\n"
CONTENT = f"{HEAD}[Service]\nOOMPolicy=continue\nRestart=on-failure\n"
KILLED = Finding("oom-stopped-unit", FPM, "certain", "", (Evidence(f"unit:{FPM}", ""),), "oom-policy")


def stopped(**shown: str) -> Snapshot:
    words = {"ActiveState": "failed", "SubState": "failed", "Result": "oom-kill", "OOMPolicy": "stop", **shown}
    return with_units(host(""), unit(FPM, **words))


def holding(snapshot: Snapshot, path: str, text: str) -> Snapshot:
    return replace(snapshot, files={**snapshot.files, path: host_file(path, text.encode())})


def plan(snapshot: Snapshot, *findings: Finding, **parameters: object) -> Proposal:
    return build(OomPolicy, parameters, "test").plan(snapshot, findings)


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["oom-policy"] is OomPolicy


def test_a_unit_that_was_stopped_whole_gets_the_drop_in_and_systemd_reads_it() -> None:
    said = plan(stopped(), KILLED)
    lines = "".join(f"+{line}\n" for line in CONTENT.splitlines())
    assert diff(said) == f"--- /dev/null\n+++ {PATH}\n@@ -0,0 +1,4 @@\n{lines}"
    assert [(one.action, one.unit) for one in said.actions] == [("daemon-reload", "")]
    assert said.expectations == (Expectation(FPM, "OOMPolicy", "continue"), Expectation(FPM, "Restart", "on-failure"))
    assert (said.warnings, said.refusals) == ((), ())


def test_without_a_finding_only_a_named_unit_gets_it() -> None:
    assert plan(stopped()) == Proposal()
    assert [one.path for one in plan(stopped(), units=[FPM]).files] == [PATH]


@pytest.mark.parametrize("restart", ["always", "on-failure", "on-abnormal"])
def test_a_restart_that_is_there_is_left_alone(restart: str) -> None:
    (change,) = plan(stopped(Restart=restart), KILLED).files
    assert change.after == f"{HEAD}[Service]\nOOMPolicy=continue\n".encode()


def test_an_already_remedied_unit_is_left_alone() -> None:
    done = stopped(OOMPolicy="continue", Restart="on-failure", DropInPaths=PATH)
    assert plan(holding(done, PATH, CONTENT), KILLED) == Proposal()


def test_a_healthy_unit_with_that_policy_is_left_alone() -> None:
    assert plan(stopped(OOMPolicy="continue", Restart="always"), KILLED) == Proposal()


def test_with_restart_always_in_one_run_its_word_is_what_systemd_must_say() -> None:
    plan_ = planned(stopped(), [OomPolicy(units=(FPM,)), RestartAlways(units=(FPM,))])
    assert {one.property: one.value for one in plan_.expectations}["Restart"] == "always"
    other_way = planned(stopped(), [RestartAlways(units=(FPM,)), OomPolicy(units=(FPM,))])
    assert {one.property: one.value for one in other_way.expectations}["Restart"] == "always"


def test_a_later_drop_in_of_yours_wins_and_is_told() -> None:
    said = plan(holding(stopped(DropInPaths=THEIRS), THEIRS, "[Service]\nOOMPolicy=kill\n"), KILLED)
    assert any("90-ours.conf sets OOMPolicy=kill" in text for text in said.warnings)
    assert [one.property for one in said.expectations] == ["Restart"]


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"OOMPolicy": ""}, "knows no OOMPolicy"),
        ({"LoadState": "masked"}, "systemctl unmask"),
        ({"Type": "oneshot"}, "ends by design"),
    ],
)
def test_where_it_would_not_help_it_says_why(shown: dict[str, str], why: str) -> None:
    said = plan(stopped(**shown), KILLED)
    assert said.files == ()
    assert why in said.refusals[0]


def test_without_systemd_nothing_is_written() -> None:
    said = plan(replace(stopped(), units=Unknown("systemd is not running on this host")), KILLED)
    assert said == Proposal(
        refusals=("OOMPolicy= needs systemd, and its units are not known: systemd is not running on this host",)
    )


def test_systemd_reads_back_exactly_what_the_plan_expects(web1: LabHost) -> None:
    """This kernel's cgroups kill nobody for systemd to see; what can be tried is that the words are in force."""
    said = plan(stopped(), KILLED)
    web1.sh(f"mkdir -p {PATH.rpartition('/')[0]}")
    web1.write(PATH, said.files[0].after or b"")
    web1.sh("systemctl daemon-reload")
    for each in said.expectations:
        assert web1.sh(f"systemctl show -p {each.property} --value {each.unit}").decode().strip() == each.value
