"""Causes that no recording holds alone: a real host's answers with one fact altered, for the cause and against it."""

from __future__ import annotations

import dataclasses
import re

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found, units, with_named_unit, with_unit
from tests.causes.recorded import snapshot


def edited(host: Snapshot, path: str, minutes_ago: float) -> Snapshot:
    """The same host an hour later, its daemons never reloaded, that file edited some minutes ago."""
    later = dataclasses.replace(host.machine, now=host.machine.now + 3600, uptime=host.machine.uptime + 3600)
    file = dataclasses.replace(host.files[path], modified=later.now - minutes_ago * 60)
    return dataclasses.replace(host, machine=later, files={**host.files, path: file})


def test_a_unit_that_waits_for_its_next_start_is_flapping() -> None:
    waiting = with_unit(snapshot("healthy"), active_state="activating", sub_state="auto-restart", restarts=4)
    assert found(waiting) == [("service-flapping", FPM)]


def test_a_unit_whose_restarts_rise_between_two_looks_is_flapping() -> None:
    assert found(with_unit(snapshot("healthy"), restarts=4, sampled_restarts=5)) == [("service-flapping", FPM)]


def test_restarts_that_lie_in_the_past_are_no_flapping() -> None:
    assert found(with_unit(snapshot("healthy"), restarts=4, sampled_restarts=4)) == []


APP = "app@8001.service"


def dying(host: Snapshot, *ago: float) -> Snapshot:
    """The same host, whose first app has died so many seconds ago, was started again a second later, and runs."""
    now, journal = host.machine.now, host.journal
    assert not isinstance(journal, Unknown)
    said = (
        JournalLine(now - one + after, source, APP, message)
        for one in ago
        for after, source, message in (
            (-0.5, "node", "Error: connect ECONNREFUSED 127.0.0.1:6379"),
            (0, "systemd", f"{APP}: Main process exited, code=exited, status=1/FAILURE"),
            (1, "systemd", f"{APP}: Scheduled restart job, restart counter is at 3."),
        )
    )
    started = with_named_unit(host, APP, served_since=host.machine.uptime - ago[-1] + 1)
    return dataclasses.replace(started, journal=(*journal, *said))


def test_an_app_that_lives_for_some_seconds_each_time_is_flapping_and_says_why() -> None:
    host = dying(snapshot("healthy"), 11, 7, 3)
    sockets = () if isinstance(host.sockets, Unknown) else host.sockets
    deaf = dataclasses.replace(host, sockets=tuple(one for one in sockets if one.port != 8001))
    (finding,) = diagnosis.diagnose(deaf)
    assert (finding.cause, finding.subject, finding.remediation) == ("service-flapping", APP, None)
    assert any("ECONNREFUSED 127.0.0.1:6379" in one.text for one in finding.evidence)


@pytest.mark.parametrize("ago", [(7, 3), (3000, 2000, 3), (240, 200, 100)], ids=["twice", "long ago", "it stands now"])
def test_an_app_that_was_started_again_is_not_yet_flapping(ago: tuple[float, ...]) -> None:
    assert found(dying(snapshot("healthy"), *ago)) == []


def test_an_address_that_no_unit_names_is_an_app_that_is_down() -> None:
    stopped = snapshot("apps-stopped")
    kept = {name: unit for name, unit in units(stopped).items() if not name.startswith("app@")}
    host = dataclasses.replace(stopped, units=kept)
    assert found(host) == [("app-down", "127.0.0.1:8001"), ("app-down", "127.0.0.1:8002")]
    assert "No unit of this host names 127.0.0.1:8001" in str(diagnosis.diagnose(host)[0].advice)


def test_an_address_that_two_units_name_is_an_app_that_is_down_and_both_are_told() -> None:
    stopped = snapshot("app-8001-stopped")
    twin = dataclasses.replace(units(stopped)["app@8001.service"], name="old-app@8001.service")
    host = dataclasses.replace(stopped, units={**units(stopped), twin.name: twin})
    assert found(host) == [("app-down", "127.0.0.1:8001")]
    assert "app@8001.service, old-app@8001.service" in str(diagnosis.diagnose(host)[0].advice)


def test_where_one_unit_stands_behind_the_address_it_is_no_app_down_but_that_units_cause() -> None:
    assert found(snapshot("app-8001-stopped")) == [("service-stopped", "app@8001.service")]


def test_only_who_listens_at_a_file_is_to_keep_it() -> None:
    host = with_named_unit(snapshot("app-8001-stopped"), APP, active_state="failed", result="exit-code")
    (app, *_) = diagnosis.diagnose(host)
    assert (app.cause, app.subject) == ("service-crashed", APP)
    assert app.advice == f"Find out why it died: journalctl -u {APP} -e."
    (pool, *_) = diagnosis.diagnose(snapshot("service-crashed"))
    assert str(pool.advice).endswith("Do not remove its socket by hand.")


@pytest.mark.parametrize(
    ("path", "subject"),
    [("/etc/nginx/nginx.conf", "nginx.service"), ("/etc/php/8.2/fpm/pool.d/www.conf", FPM)],
)
def test_a_file_that_is_newer_than_what_is_served_waits_to_be_read(path: str, subject: str) -> None:
    host = edited(snapshot("healthy"), path, minutes_ago=59)
    assert found(host) == [("pending-restart", subject)]
    assert diagnosis.diagnose(host)[0].evidence[0].source == f"file:{path}"


def test_a_file_that_was_edited_before_the_daemon_read_it_does_not_wait() -> None:
    assert found(edited(snapshot("healthy"), "/etc/nginx/nginx.conf", minutes_ago=61)) == []


@pytest.mark.parametrize(
    ("listens", "passed"),
    [("[::1]:8001", "[::1]:8001"), ("[::]:8001", "[::1]:8001"), ("192.0.2.7:8001", "192.0.2.7:8001")],
)
def test_where_the_app_listens_instead_is_told_as_nginx_may_reach_it(listens: str, passed: str) -> None:
    host = snapshot("address-mismatch")
    assert not isinstance(host.sockets, Unknown)
    sockets = tuple(dataclasses.replace(one, address=listens) if one.port == 8001 else one for one in host.sockets)
    first = diagnosis.diagnose(dataclasses.replace(host, sockets=sockets))[0]
    assert (first.cause, first.subject) == ("address-mismatch", "127.0.0.1:8001")
    assert f"pass requests to {passed}, then" in str(first.advice)


@pytest.mark.parametrize("listens", ["*:8001", "0.0.0.0:8001", "127.0.0.1:8001"])
def test_who_listens_on_all_addresses_listens_there(listens: str) -> None:
    host = snapshot("address-mismatch")
    assert not isinstance(host.sockets, Unknown)
    sockets = tuple(dataclasses.replace(one, address=listens) if one.port == 8001 else one for one in host.sockets)
    named = found(dataclasses.replace(host, sockets=sockets))
    assert not {("address-mismatch", "127.0.0.1:8001"), ("app-down", "127.0.0.1:8001")} & set(named)


def test_another_program_on_that_port_of_another_address_is_no_mismatch() -> None:
    """The app is down, and what listens elsewhere is not its unit's."""
    host = snapshot("address-mismatch")
    assert not isinstance(host.processes, Unknown)
    strangers = {pid: dataclasses.replace(one, unit="docker.service") for pid, one in host.processes.items()}
    first = diagnosis.diagnose(dataclasses.replace(host, processes=strangers))[0]
    assert first.cause == "app-down"
    assert any("somebody else listens at [::1]:8001" in one.text for one in first.evidence)


MOVED = snapshot("socket-path-mismatch")
"""The shop is passed to a socket that no pool has, and nothing to the pool that listens."""
SITE = "/etc/nginx/sites-enabled/shop"


def passed_to(address: bytes) -> Snapshot:
    files = {path: dataclasses.replace(file, data=re.sub(rb"unix:/run/php/php8.1-fpm.sock", address, file.data))
             for path, file in MOVED.files.items()}  # fmt: skip
    assert files[SITE].data != MOVED.files[SITE].data
    return dataclasses.replace(MOVED, files=files)


def test_a_pool_that_nginx_passes_nothing_to_is_what_a_dead_address_of_tcp_means() -> None:
    (finding,) = diagnosis.diagnose(passed_to(b"127.0.0.1:9000"))
    assert (finding.cause, finding.subject, finding.remediation) == ("address-mismatch", "127.0.0.1:9000", None)
    assert "PHP-FPM does at unix:/run/php/php8.2-fpm.sock" in finding.summary


def test_a_pool_that_does_not_listen_is_not_what_is_meant() -> None:
    host = passed_to(b"127.0.0.1:9000")
    assert not isinstance(host.sockets, Unknown)
    deaf = tuple(one for one in host.sockets if "php" not in one.address)
    assert ("app-down", "127.0.0.1:9000") in found(dataclasses.replace(host, sockets=deaf))
