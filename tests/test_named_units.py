"""Units that a run names: any that the host has, listed or not; where it has none of that name, nothing is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from remediations import diagnosis, gather
from remediations.connections.open import open_connection
from remediations.errors import RefusedError
from remediations.facts import units
from remediations.facts.base import Answer, Fact, Unknown
from remediations.health_settings import DERIVED
from remediations.library.restart_always import RestartAlways
from remediations.library.restart_service import RestartService
from remediations.named_units import named_units
from remediations.parameters import build
from remediations.snapshot import Snapshot
from remediations.work import Work, make_plan
from tests.builders import nginx_snapshot
from tests.causes.recorded import snapshot
from tests.command_line import CommandLine
from tests.lab.host import LabHost
from tests.library.units import unit, with_units
from tests.on_host import target

HOST = with_units(nginx_snapshot({}), unit("nginx.service"), unit("ssh.service", Names="ssh.service sshd.service"))


def work(*services: str, on_finding: bool = False) -> tuple[Work, ...]:
    return (Work(build(RestartService, {"services": list(services)}, "test"), on_finding),)


@pytest.mark.parametrize("name", ["ssh", "ssh.service", "sshd", "sshd.service", "nginx", "php-fpm"])
def test_what_the_host_has_by_name_or_alias_and_roles_are_no_typo(name: str) -> None:
    assert make_plan(work(name), HOST, ()).actions == ()


@pytest.mark.parametrize("on_finding", [False, True])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ngnix", "web1: there is no unit ngnix on this host (near: nginx); nothing was changed"),
        ("ngnix.service", "there is no unit ngnix.service on this host (near: nginx)"),
        ("zzz", "there is no unit zzz on this host; nothing was changed"),
        ("a b", "there is no unit a b on this host"),
    ],
)
def test_a_name_that_the_host_does_not_know_is_refused_with_those_near_it(
    name: str, said: str, on_finding: bool
) -> None:
    with pytest.raises(RefusedError) as refused:
        make_plan(work("nginx", name, on_finding=on_finding), HOST, ())
    assert said in str(refused.value)


def test_where_units_are_not_known_nobody_is_said_to_have_mistyped() -> None:
    assert make_plan(work("ngnix"), replace(HOST, units=Unknown("no systemd")), ()).empty


def test_the_units_of_all_remediations_are_named_once_and_roles_are_none() -> None:
    always = build(RestartAlways, {"units": ["cron", "worker"]}, "test")
    restart = build(RestartService, {"services": ["nginx", "php-fpm", "cron"]}, "test")
    assert named_units([always, restart]) == ("cron", "worker")


def asked(names: Sequence[str], answer: Answer) -> tuple[Snapshot, list[str]]:
    """What a healthy host knows once the run names these units, and the scripts that asked for them."""
    known = snapshot("healthy")
    scripts: list[str] = []

    def ask(facts: Sequence[Fact[object]], _: Sequence[Fact[object]]) -> Mapping[str, Answer]:
        scripts.extend(fact.script for fact in facts)
        return {"named_units": answer}

    return gather._named(ask, known, names), scripts


CRON = Answer(0, b"Id=systemd-logind.service\nNames=systemd-logind.service\nLoadState=loaded\nActiveState=active\n")


def test_only_what_the_list_of_units_lacks_is_asked_for() -> None:
    found, scripts = asked(["systemd-logind", "nginx", "cron;reboot"], CRON)
    assert len(scripts) == 1
    assert "-- systemd-logind.service ||" in scripts[0]
    assert found.unit("systemd-logind.service")
    assert asked(["nginx", "php8.2-fpm.service"], CRON)[1] == []


def test_a_systemd_that_does_not_answer_leaves_the_units_unknown() -> None:
    found, _ = asked(["systemd-logind"], Answer(3, b"systemctl does not answer\n"))
    assert found.units == Unknown("systemctl does not answer")


def test_more_units_than_are_looked_at_are_spoken_of() -> None:
    assert "some units (there are 17 more than are looked at)" in diagnosis.blind_spots(
        replace(snapshot("healthy"), units_left_out=17)
    )
    assert "units" not in diagnosis.blind_spots(snapshot("healthy"))


@pytest.fixture
def command(web1: LabHost, tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path)
    command.knows(web1)
    return command


def test_systemds_own_units_can_be_named_and_are_restarted(web1: LabHost, command: CommandLine) -> None:
    names = "restart-service.services=[systemd-logind, systemd-journald.service, systemd-journald.socket]"
    answer = command.remediate("--only", "restart-service", "--set", names)
    assert (answer.exit_code, answer.host["status"], answer.host["warnings"]) == (0, "ok", []), answer
    before = web1.sh("systemctl show -p InvocationID --value systemd-logind")
    named = ("--set", "restart-service.services=systemd-logind", "--set", "restart-service.state=restarted")
    done = command.remediate("--only", "restart-service", *named)
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert web1.sh("systemctl show -p InvocationID --value systemd-logind") != before


def test_a_typo_is_refused_and_nothing_else_is_done_on_that_host(web1: LabHost, command: CommandLine) -> None:
    web1.sh("systemctl stop php8.2-fpm")
    for words in (("--only", "restart-service"), ()):
        answer = command.remediate(*words, "--set", "restart-service.services=[ngnix, php-fpm]")
        assert (answer.exit_code, answer.host["status"], answer.host["changes"]) == (3, "refused", []), answer
        assert "there is no unit ngnix on this host (near: nginx" in answer.host["error"]
        assert answer.host["health"]["before"]["ok"] is False
    assert not web1.testinfra.service("php8.2-fpm").is_running


def test_a_host_with_more_units_than_the_cap_says_so(web1: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_connection(target(web1)).shell() as shell:
        cut = replace(units.FACT, script=units.SCRIPT.replace("MAX_UNITS=2000", "MAX_UNITS=3"))
        monkeypatch.setattr(gather, "BESIDE_FIRST", (cut,))
        found = gather.gather(shell, "web1", DERIVED, named=["systemd-logind"])
    assert found.units_left_out > 0
    assert not isinstance(found.units, Unknown)
    assert len(found.units) <= 4
    assert found.unit("systemd-logind.service")
