"""apply-pending-restart: a reload where it serves, a restart only where a reload cannot do, on recorded evidence."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.restarts import Restart
from remediations.library import known
from remediations.library.apply_pending_restart import ApplyPendingRestart
from remediations.library.restart_service import RestartService
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from tests.causes.alter import units
from tests.causes.recorded import snapshot
from tests.causes.test_altered import edited
from tests.library.nginx_host import disliked

FPM, NGINX = "php8.2-fpm.service", "nginx.service"
CONF, POOL = "/etc/nginx/nginx.conf", "/etc/php/8.2/fpm/pool.d/www.conf"


def plan(host: Snapshot) -> Proposal:
    return ApplyPendingRestart().plan(host, diagnosis.diagnose(host))


def done(said: Proposal) -> list[tuple[str, str]]:
    return [(one.action, one.unit) for one in said.actions]


def unit_with(host: Snapshot, name: str, **changed: object) -> Snapshot:
    unit = dataclasses.replace(units(host)[name], **changed)  # type: ignore[arg-type]  # each test knows its fields
    return replace(host, units={**units(host), name: unit})


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["apply-pending-restart"] is ApplyPendingRestart


@pytest.mark.parametrize(("path", "unit"), [(CONF, NGINX), (POOL, FPM)])
def test_newer_files_are_reloaded(path: str, unit: str) -> None:
    host = edited(snapshot("healthy"), path, minutes_ago=5)
    assert {one.remediation for one in diagnosis.diagnose(host)} == {"apply-pending-restart"}
    assert done(plan(host)) == [("reload", unit)]


def test_what_cannot_reload_is_restarted() -> None:
    host = unit_with(edited(snapshot("healthy"), POOL, minutes_ago=5), FPM, can_reload=False)
    assert done(plan(host)) == [("restart", FPM)]


def test_a_changed_zone_is_taken_by_a_restart_alone() -> None:
    assert done(plan(snapshot("reload-zone-changed"))) == [("restart", NGINX)]


def test_an_address_that_is_taken_is_no_reason_to_restart() -> None:
    assert plan(snapshot("reload-not-applied")) == Proposal()


def test_unit_files_that_systemd_has_not_read_are_read_and_nothing_is_restarted() -> None:
    host = unit_with(snapshot("healthy"), FPM, needs_daemon_reload=True)
    said = plan(host)
    assert done(said) == [("daemon-reload", "")]
    assert said.notes == (f"{FPM}: what concerns the running process itself is in force after its next start",)
    assert RestartService().plan(host, diagnosis.diagnose(host)) == Proposal()


def test_others_whose_files_are_read_with_it_are_told() -> None:
    host = unit_with(snapshot("healthy"), FPM, needs_daemon_reload=True)
    said = plan(unit_with(host, "ssh.service", needs_daemon_reload=True))
    assert said.warnings == ("daemon-reload also takes in changes that others made to ssh.service",)


def test_an_already_remedied_host_is_left_alone() -> None:
    """Once nginx has been reloaded, its workers are younger than the files."""
    assert plan(edited(snapshot("healthy"), CONF, minutes_ago=61)) == Proposal()


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(snapshot("healthy")) == Proposal()


def test_a_configuration_that_does_not_validate_is_not_reloaded() -> None:
    said = plan(disliked(edited(snapshot("healthy"), CONF, minutes_ago=5), "nginx: [emerg] no, in /etc/nginx/x:3"))
    assert (said.actions, "does not validate" in said.refusals[0]) == ((), True)


def test_a_unit_that_was_restarted_too_often_is_left_to_a_person() -> None:
    host = snapshot("reload-zone-changed")
    now = int(host.machine.now)
    worn = replace(host, restarts=tuple(Restart(now - 60 * n, NGINX, "restart", "r", "bob") for n in range(3)))
    said = plan(worn)
    assert (said.actions, "restarted 3 times" in said.refusals[0]) == ((), True)


def test_without_systemd_a_running_nginx_is_reloaded_by_its_master() -> None:
    host = replace(edited(snapshot("healthy"), CONF, minutes_ago=5), units=Unknown("systemd is not running"))
    (action,) = plan(host).actions
    assert (action.unit, action.action, action.pid) == ("", "reload", host.live_nginx and host.live_nginx.master)
