"""Who stands behind whom, on recorded hosts that were altered: nothing is started that was not meant."""

from __future__ import annotations

import dataclasses

import pytest

from remediations import diagnosis
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.host import topology
from remediations.library.restart_service import RestartService
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot

APP = "app@8001.service"
SITE = "/etc/nginx/sites-enabled/api"


def units(host: Snapshot) -> dict[str, Unit]:
    assert not isinstance(host.units, Unknown)
    return dict(host.units)


def with_units(host: Snapshot, *more: Unit) -> Snapshot:
    return dataclasses.replace(host, units=units(host) | {unit.name: unit for unit in more})


def with_site(host: Snapshot, before: bytes, after: bytes) -> Snapshot:
    file = host.files[SITE]
    assert before in file.data
    return host.with_file(file.real_path, file.data.replace(before, after))


def started(host: Snapshot) -> list[str]:
    plan = RestartService().plan(host, diagnosis.diagnose(host))
    return [action.unit for action in plan.actions if action.action == "start"]


def test_the_stopped_app_behind_a_port_is_known_by_its_instance() -> None:
    host = snapshot("app-8001-stopped")
    assert topology.behind(host, Address("127.0.0.1", 8001)).unit == APP
    assert started(host) == [APP]


def test_a_job_that_speaks_of_the_port_is_never_started() -> None:
    host = snapshot("app-8001-stopped")
    job = dataclasses.replace(
        units(host)[APP], name="warm.service", type="oneshot", unit_file_state="static", command_line="curl :8001"
    )
    gone = dataclasses.replace(host, units={**{n: u for n, u in units(host).items() if n != APP}, job.name: job})
    assert topology.behind(gone, Address("127.0.0.1", 8001)).units == ()
    assert started(gone) == []
    assert [(one.cause, one.subject) for one in diagnosis.diagnose(gone)] == [("app-down", "127.0.0.1:8001")]


def test_of_two_candidates_none_is_started_and_both_are_named() -> None:
    host = snapshot("app-8001-stopped")
    other = dataclasses.replace(units(host)[APP], name="other.service", command_line="serve --port 8001")
    both = with_units(host, other)
    (finding,) = diagnosis.diagnose(both)
    assert finding.cause == "app-down"
    assert APP in str(finding.advice)
    assert "other.service" in str(finding.advice)
    assert started(both) == []


def test_a_disabled_app_is_not_started_by_itself() -> None:
    host = snapshot("app-8001-stopped")
    disabled = with_units(host, dataclasses.replace(units(host)[APP], unit_file_state="disabled"))
    assert started(disabled) == []
    assert diagnosis.diagnose(disabled)[0].cause == "app-down"


def test_a_server_marked_down_is_left_in_peace() -> None:
    host = with_site(snapshot("app-8001-stopped"), b"127.0.0.1:8001;", b"127.0.0.1:8001 down;")
    assert diagnosis.diagnose(dataclasses.replace(host, nginx=host.nginx)) == ()
    assert started(host) == []


def test_what_was_started_over_ssh_does_not_make_ssh_the_app() -> None:
    host = snapshot("healthy")
    assert not isinstance(host.processes, Unknown)
    pid = units(host)[APP].main_pid
    moved = dataclasses.replace(host.processes[pid], unit="ssh.service")
    by_hand = dataclasses.replace(host, processes={**host.processes, pid: moved})
    assert topology.behind(by_hand, Address("127.0.0.1", 8001)).unit is None
    assert "ssh.service" not in [unit.name for unit in topology.web_units(by_hand)]


def test_an_app_that_runs_but_does_not_listen_is_named() -> None:
    host = snapshot("app-8001-stopped")
    running = dataclasses.replace(units(host)[APP], active_state="active", sub_state="running", result="success")
    (finding,) = diagnosis.diagnose(with_units(host, running))
    assert (finding.cause, finding.remediation) == ("app-down", None)
    assert f"{APP} runs but does not listen" in str(finding.advice)


def test_a_stopped_nginx_is_the_enabled_unit_that_runs_its_binary() -> None:
    host = snapshot("config-invalid-stopped")
    own = dataclasses.replace(units(host)["nginx.service"], name="edge.service")
    default = dataclasses.replace(units(host)["nginx.service"], unit_file_state="disabled")
    found = topology.nginx_unit(with_units(host, own, default))
    assert found is not None
    assert found.name == "edge.service"


def test_an_app_is_known_by_the_port_in_its_environment_file() -> None:
    host = snapshot("service-stopped-environment-file")
    assert started(host) == ["node.service"]
    silent = dataclasses.replace(host, journal=())  # what it printed names the port, too
    assert started(silent) == ["node.service"]
    blind = dataclasses.replace(silent, mentions=Unknown("no file was searched"))
    assert [(one.cause, one.subject) for one in diagnosis.diagnose(blind)] == [("app-down", "localhost:8003")]


def test_a_socket_unit_is_started_and_not_its_service() -> None:
    assert started(snapshot("service-stopped-socket-unit")) == ["web.socket"]


def test_a_socket_unit_that_gave_up_with_its_service_is_not_started_again() -> None:
    host = snapshot("start-limit-hit-socket-unit")
    said = RestartService().plan(host, diagnosis.diagnose(host))
    assert (said.actions, "has given up since web.service dies" in said.refusals[0]) == ((), True)


@pytest.mark.parametrize(
    "closed",
    [
        b"server_name api.example; return 503;",
        b"server_name api.example; deny all;",
    ],
)
def test_what_no_visitor_reaches_is_left_in_peace(closed: bytes) -> None:
    """A site in maintenance has its app stopped on purpose."""
    host = with_site(snapshot("apps-stopped"), b"server_name api.example;", closed)
    assert started(host) == []
    assert not [finding for finding in diagnosis.diagnose(host) if finding.subject.startswith("app@")]


@pytest.mark.parametrize(
    "open_to_some",
    [
        b"server_name api.example; if ($maintenance) { return 503; }",
        b"server_name api.example; allow 10.0.0.0/8; deny all;",
        b"server_name api.example; satisfy any; auth_basic x; deny all;",
        b"server_name api.example; rewrite ^/health$ /alive last; return 503;",
    ],
)
def test_what_some_visitors_reach_counts(open_to_some: bytes) -> None:
    host = with_site(snapshot("apps-stopped"), b"server_name api.example;", open_to_some)
    assert started(host) == [APP, "app@8002.service"]


def test_where_nobody_listens_for_a_good_site_is_not_why_another_one_is_bad() -> None:
    dead = (
        b"server { listen 80; server_name gone.example; location ~ x { proxy_pass http://127.0.0.1:7777; } } server {"
    )
    host = with_site(snapshot("tls-mismatch"), b"server {", dead)
    causes = [(finding.cause, finding.subject) for finding in diagnosis.diagnose(host)]
    assert causes[0][0] == "tls-mismatch"
    assert causes[-1] == ("app-down", "127.0.0.1:7777")


def test_a_mistyped_port_is_held_against_who_listens_unasked() -> None:
    host = with_site(with_apps(), b"https://app", b"http://127.0.0.1:8011")
    advice = {finding.subject: finding.advice or "" for finding in diagnosis.diagnose(host)}["127.0.0.1:8011"]
    assert "nginx asks nothing of app@8001.service at 127.0.0.1:8001, app@8002.service at 127.0.0.1:8002" in advice


def test_who_died_and_may_be_meant_is_named_and_not_started() -> None:
    host = with_site(with_apps(), b"https://app", b"http://127.0.0.1:8011")
    late = dataclasses.replace(
        units(host)[APP], name="late.service", active_state="failed", sub_state="failed", command_line="", main_pid=0
    )
    dead = with_units(host, late)
    advice = {finding.subject: finding.advice or "" for finding in diagnosis.diagnose(dead)}["127.0.0.1:8011"]
    assert "Dead, and maybe meant: late.service" in advice
    assert started(dead) == []


def with_apps() -> Snapshot:
    """Both apps run and listen."""
    return snapshot("tls-mismatch")
