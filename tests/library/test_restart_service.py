"""restart-service on recorded evidence of real hosts: what it does, by the mildest means, and what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from remediations import diagnosis
from remediations.errors import PlaybookError, RefusedError
from remediations.facts.base import Unknown
from remediations.facts.restarts import Restart
from remediations.library import known
from remediations.library.restart_service import RestartService
from remediations.parameters import build
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot

FPM = "php8.2-fpm.service"
NGINX = "nginx.service"


def plan(host: Snapshot, **parameters: object) -> Proposal:
    return build(RestartService, parameters, "test").plan(host, diagnosis.diagnose(host))


def done(proposal: Proposal) -> list[tuple[str, str]]:
    return [(action.action, action.unit) for action in proposal.actions]


def with_unit(host: Snapshot, name: str, **changed: object) -> Snapshot:
    assert not isinstance(host.units, Unknown)
    unit = dataclasses.replace(host.units[name], **changed)  # type: ignore[arg-type]  # each test knows its fields
    return dataclasses.replace(host, units={**host.units, name: unit})


def edited_since(host: Snapshot, path: str) -> Snapshot:
    """The same host an hour later, after somebody has edited that file and not reloaded."""
    later = dataclasses.replace(host.machine, now=host.machine.now + 3600, uptime=host.machine.uptime + 3600)
    file = dataclasses.replace(host.files[path], modified=later.now - 60)
    return dataclasses.replace(host, machine=later, files={**host.files, path: file})


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["restart-service"] is RestartService


@pytest.mark.parametrize("fault", ["service-stopped", "service-crashed", "start-limit-hit", "crash-loop"])
def test_a_unit_that_is_down_is_started_and_nothing_else_is_touched(fault: str) -> None:
    assert done(plan(snapshot(fault))) == [("start", FPM)]


def test_a_deleted_socket_needs_a_restart_since_a_reload_does_not_make_it_anew() -> None:
    assert done(plan(snapshot("socket-deleted"))) == [("restart", FPM)]


def test_newer_files_are_reloaded_not_restarted() -> None:
    assert done(plan(edited_since(snapshot("healthy"), "/etc/nginx/nginx.conf"))) == [("reload", NGINX)]
    assert done(plan(edited_since(snapshot("healthy"), "/etc/php/8.2/fpm/pool.d/www.conf"))) == [("reload", FPM)]


def test_what_cannot_reload_is_restarted() -> None:
    host = with_unit(edited_since(snapshot("healthy"), "/etc/nginx/nginx.conf"), NGINX, can_reload=False)
    assert done(plan(host)) == [("restart", NGINX)]


def test_a_unit_that_waits_for_its_next_start_is_restarted() -> None:
    host = with_unit(snapshot("healthy"), FPM, active_state="activating", sub_state="auto-restart")
    assert done(plan(host)) == [("restart", FPM)]


def test_one_of_two_app_servers_is_started_alone() -> None:
    assert done(plan(snapshot("app-8001-stopped"))) == [("start", "app@8001.service")]


def test_a_group_that_is_written_off_is_asked_again_once_its_last_server_is_back() -> None:
    """The other server has been back for a while, and nginx asks it no more than this one."""
    host = snapshot("no-live-upstreams")
    assert not isinstance(host.units, Unknown)
    assert not isinstance(host.sockets, Unknown)
    stopped = dataclasses.replace(host.units["app@8002.service"], active_state="inactive", sub_state="dead", main_pid=0)
    deaf = tuple(one for one in host.sockets if one.port != 8002)
    half = dataclasses.replace(host, units={**host.units, stopped.name: stopped}, sockets=deaf)
    plan = RestartService().plan(half, diagnosis.diagnose(half))
    assert [(one.action, one.unit) for one in plan.actions] == [
        ("start", "app@8002.service"),
        ("reload", "nginx.service"),
    ]


def test_after_a_whole_group_nginx_is_reloaded_to_forget_its_failures() -> None:
    proposal = plan(snapshot("apps-stopped"))
    assert done(proposal) == [("start", "app@8001.service"), ("start", "app@8002.service"), ("reload", NGINX)]
    assert "upstream app" in proposal.actions[-1].reason


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(snapshot("healthy")) == Proposal()


def test_an_already_cured_unit_is_left_alone_though_the_logs_still_speak_of_it() -> None:
    ill, well = snapshot("service-crashed"), snapshot("healthy")
    assert plan(dataclasses.replace(well, logs=ill.logs)) == Proposal()


def test_nothing_is_started_whose_configuration_does_not_validate() -> None:
    proposal = plan(snapshot("config-invalid-stopped"))
    assert proposal.actions == ()
    assert "nginx.service is left as it is, its configuration does not validate" in proposal.refusals[0]
    assert "unknown directive" in proposal.refusals[0]


def test_a_masked_unit_is_refused_with_the_command_that_unmasks_it() -> None:
    for name in ({}, {"services": [FPM]}):
        host = with_unit(snapshot("service-stopped"), FPM, load_state="masked", unit_file_state="masked")
        proposal = plan(host, **name)
        assert (proposal.actions, "systemctl unmask php8.2-fpm.service" in proposal.refusals[0]) == ((), True)


def test_a_disabled_unit_is_started_only_if_it_is_named() -> None:
    host = with_unit(snapshot("service-stopped"), FPM, unit_file_state="disabled")
    assert plan(host).actions == ()
    assert "is disabled" in plan(host).refusals[0]
    assert done(plan(host, services=[FPM])) == [("start", FPM)]
    assert done(plan(host, services=["php-fpm"])) == [("start", FPM)]


@pytest.mark.parametrize(
    ("state", "service", "act"),
    [("restarted", "nginx", "restart"), ("reloaded", "nginx", "reload"), ("reloaded", "php-fpm", "reload")],
)
def test_a_state_that_is_asked_for_acts_on_every_run_and_says_so(state: str, service: str, act: str) -> None:
    proposal = plan(snapshot("healthy"), services=[service], state=state)
    assert [action.action for action in proposal.actions] == [act]
    assert proposal.notes == (f"state={state} acts on every run",)
    assert build(RestartService, {"state": state, "services": [service]}, "test").always_acts
    with pytest.raises(PlaybookError, match=f"state={state} needs services"):
        build(RestartService, {"state": state}, "test")


def test_only_the_named_services_are_looked_at() -> None:
    assert plan(snapshot("service-stopped"), services=["nginx"]) == Proposal()


def test_a_service_that_there_is_not_is_refused() -> None:
    assert plan(snapshot("healthy"), services=["apache2"]).refusals == ("there is no unit apache2 on this host",)


@pytest.mark.parametrize("wrong", [{"state": "stopped"}, {"service": ["nginx"]}])
def test_parameters_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PlaybookError):
        build(RestartService, wrong, "test")


def restarted(host: Snapshot, times: int, unit: str = FPM) -> Snapshot:
    """The same host on which somebody has had that unit restarted so often, a minute ago."""
    restarts = (Restart(int(host.machine.now) - 60, unit, "restart", "20261122T130500Z-7f3a9c", "alice"),) * times
    return dataclasses.replace(host, restarts=restarts)


def test_a_unit_that_was_restarted_three_times_is_left_to_a_person_with_its_history() -> None:
    assert done(plan(restarted(snapshot("crash-loop"), 2))) == [("start", FPM)]
    proposal = plan(restarted(snapshot("crash-loop"), 3))
    assert proposal.actions == ()
    assert f"{FPM} is not started or restarted again" in proposal.refusals[0]
    assert "restart by alice (run 20261122T130500Z-7f3a9c)" in proposal.refusals[0]
    assert "a person must look" in proposal.refusals[0]


def test_the_finding_says_so_too_and_asks_for_a_person() -> None:
    for fault in ("crash-loop", "socket-deleted"):
        finding, *_ = diagnosis.diagnose(restarted(snapshot(fault), 3))
        assert "started or restarted 3 times in the last 15 minutes" in str(finding.advice)
        assert "A person must find out why: journalctl -u php8.2-fpm.service -e." in str(finding.advice)
        before, *_ = diagnosis.diagnose(restarted(snapshot(fault), 2))
        assert "A person must" not in str(before.advice)


def test_its_parameters_raise_and_lower_the_limits_here_and_on_the_host() -> None:
    (action,) = plan(restarted(snapshot("crash-loop"), 3), most_in_15_minutes=4).actions
    assert (action.action, action.limits) == ("start", (4, 5))
    assert plan(restarted(snapshot("crash-loop"), 1), most_in_15_minutes=1).actions == ()
    later = dataclasses.replace(snapshot("crash-loop"), restarts=restarted(snapshot("crash-loop"), 5).restarts)
    later = dataclasses.replace(later, machine=dataclasses.replace(later.machine, now=later.machine.now + 1800))
    assert plan(later).actions == ()
    assert done(plan(later, most_in_an_hour=6)) == [("start", FPM)]


def test_other_units_are_started_while_one_is_left_to_a_person() -> None:
    proposal = plan(restarted(snapshot("apps-stopped"), 3, "app@8001.service"))
    assert done(proposal) == [("start", "app@8002.service"), ("reload", NGINX)]
    assert "app@8001.service is not started" in proposal.refusals[0]


def test_a_restart_that_was_asked_for_is_refused_altogether_a_reload_is_not() -> None:
    host = restarted(snapshot("healthy"), 3, NGINX)
    with pytest.raises(
        RefusedError, match=r"web1: nginx\.service is not started or restarted again.*nothing was changed"
    ):
        plan(host, services=["php-fpm", "nginx"], state="restarted")
    assert done(plan(host, services=["nginx"], state="reloaded")) == [("reload", NGINX)]
    with pytest.raises(RefusedError, match="a person must look"):
        plan(with_unit(host, NGINX, can_reload=False), services=["nginx"], state="reloaded")
    assert done(plan(host, services=["php-fpm"], state="restarted")) == [("restart", FPM)]


def test_newer_files_are_reloaded_however_often_the_unit_was_restarted() -> None:
    assert done(plan(restarted(edited_since(snapshot("healthy"), "/etc/nginx/nginx.conf"), 9, NGINX))) == [
        ("reload", NGINX)
    ]


def test_where_nobody_can_tell_how_often_it_was_restarted_that_is_said() -> None:
    blind = dataclasses.replace(snapshot("service-stopped"), restarts=Unknown("it may not be read"))
    assert done(plan(blind)) == [("start", FPM)]
    assert plan(blind).warnings == (f"how often {FPM} was restarted lately is unknown: it may not be read",)
    assert plan(restarted(snapshot("service-stopped"), 0)).warnings == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"most_in_15_minutes": 6}, "most_in_15_minutes=6 is more than most_in_an_hour=5 allows: raise both"),
        ({"most_in_15_minutes": 0}, "expected a whole number, 1 to 100"),
        ({"most_in_an_hour": 101}, "expected a whole number, 1 to 100"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(PlaybookError, match=words):
        build(RestartService, wrong, "test")


def without_systemd(host: Snapshot) -> Iterator[Snapshot]:
    yield dataclasses.replace(host, units=Unknown("systemd does not run"))


def test_without_systemd_a_running_nginx_reads_newer_files_by_a_signal() -> None:
    (host,) = without_systemd(edited_since(snapshot("healthy"), "/etc/nginx/nginx.conf"))
    (action,) = plan(host).actions
    assert (action.unit, action.action, action.pid) == ("", "reload", host.live_nginx and host.live_nginx.master)


def test_without_systemd_nothing_can_be_restarted() -> None:
    (host,) = without_systemd(snapshot("healthy"))
    assert plan(host) == Proposal()
    assert "nothing can be restarted" in plan(host, state="restarted", services=["nginx"]).refusals[0]
