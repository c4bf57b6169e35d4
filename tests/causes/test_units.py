"""Units that systemd cannot start and ports that are taken: recorded hosts with one fact altered, for and against."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.facts.logs import Log
from remediations.facts.sockets import ListeningSocket
from remediations.host import taken
from remediations.library.restart_service import RestartService
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found, units
from tests.causes.recorded import snapshot

APP = "app@8001.service"
NGINX = "nginx.service"
OOM = "A process of this unit has been killed by the OOM killer."


def unit_with(host: Snapshot, name: str, **changed: object) -> Snapshot:
    unit = dataclasses.replace(units(host)[name], **changed)  # type: ignore[arg-type]  # each test knows its fields
    return dataclasses.replace(host, units={**units(host), name: unit})


def saying(host: Snapshot, unit: str, message: str, ago: float = 0) -> Snapshot:
    """The same host, whose journal has one line more about the unit, as of its last change of state."""
    assert not isinstance(host.journal, Unknown)
    machine = host.machine
    time = machine.now - machine.uptime + units(host)[unit].served_since - ago
    return dataclasses.replace(host, journal=(*host.journal, JournalLine(time, "systemd", unit, message)))


def without_socket(host: Snapshot, *, port: int) -> Snapshot:
    assert not isinstance(host.sockets, Unknown)
    return dataclasses.replace(host, sockets=tuple(one for one in host.sockets if one.port != port))


def first(host: Snapshot) -> tuple[str, str, str | None]:
    finding = diagnosis.diagnose(host)[0]
    return finding.cause, finding.subject, finding.remediation


# --- unit-broken ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unit-broken", "Failed at step EXEC spawning /usr/bin/php8.1"),
        ("unit-broken-user", "217/USER"),
        ("unit-broken-folder", "200/CHDIR"),
        ("unit-broken-resources", "Failed to load environment files"),
    ],
)
def test_what_systemd_could_not_do_is_told_in_its_words(fault: str, said: str) -> None:
    finding = diagnosis.diagnose(snapshot(fault))[0]
    assert any(said in each.text for each in finding.evidence)
    assert finding.remediation is None


def test_a_broken_unit_is_not_started_unless_it_is_named() -> None:
    host = snapshot("unit-broken")
    findings = diagnosis.diagnose(host)
    left = RestartService().plan(host, findings)
    assert [one for one in left.actions if one.action == "start"] == []
    assert "would fail again" in left.refusals[0]
    assert RestartService(services=(APP,)).plan(host, findings).actions[0].action == "start"


def test_without_a_journal_the_exit_code_alone_says_so() -> None:
    blind = dataclasses.replace(snapshot("unit-broken"), journal=Unknown("not root"))
    finding = diagnosis.diagnose(blind)[0]
    assert (finding.cause, finding.subject, finding.confidence) == ("unit-broken", APP, "likely")


def test_files_that_systemd_has_not_read_yet_may_have_mended_it() -> None:
    assert ("service-crashed", APP) in found(unit_with(snapshot("unit-broken"), APP, needs_daemon_reload=True))


def test_a_program_that_ran_and_died_is_not_the_units_fault() -> None:
    died = saying(snapshot("unit-broken"), APP, f"{APP}: Main process exited, code=exited, status=1/FAILURE")
    assert ("service-crashed", APP) in found(died)


def test_a_unit_file_that_systemd_does_not_accept_is_broken() -> None:
    stopped = snapshot("app-8001-stopped")
    assert first(unit_with(stopped, APP, load_state="bad-setting"))[:2] == ("unit-broken", APP)


def test_a_unit_that_runs_is_not_broken_whatever_its_last_end_was() -> None:
    assert found(unit_with(snapshot("healthy"), APP, exec_status="203", exec_code="1", result="exit-code")) == []


# --- unit-masked, unit-not-found ---


def test_a_masked_app_is_the_cause_and_not_an_app_that_is_down() -> None:
    masked = unit_with(snapshot("app-8001-stopped"), APP, load_state="masked", unit_file_state="masked")
    assert found(masked) == [("unit-masked", APP)]


def test_a_masked_unit_whose_work_another_one_does_is_no_fault() -> None:
    host = snapshot("healthy")
    old = dataclasses.replace(
        units(host)[APP], name="old-app@8001.service", load_state="masked", unit_file_state="masked",
        active_state="inactive", sub_state="dead",
    )  # fmt: skip
    assert found(dataclasses.replace(host, units={**units(host), old.name: old})) == []


def test_a_link_that_leads_nowhere_names_the_app_that_is_not_there() -> None:
    stopped = snapshot("app-8001-stopped")
    gone = {name: unit for name, unit in units(stopped).items() if name != APP}
    host = dataclasses.replace(stopped, units=gone, dangling_units=(APP, "backup.service"))
    assert found(host) == [("unit-not-found", APP)]


def test_of_several_links_that_lead_nowhere_none_is_guessed() -> None:
    stopped = snapshot("app-8001-stopped")
    gone = {name: unit for name, unit in units(stopped).items() if name != APP}
    host = dataclasses.replace(stopped, units=gone, dangling_units=("shop.service", "backup.service"))
    assert found(host) == [("app-down", "127.0.0.1:8001")]


def test_an_fpm_that_runs_in_a_unit_of_its_own_is_not_missed() -> None:
    host = snapshot("healthy")
    assert found(dataclasses.replace(host, units={name: one for name, one in units(host).items() if name != FPM})) == []


# --- oom-stopped-unit: this kernel has no memory controller for systemd to ask, so the evidence is made by hand ---


@pytest.mark.parametrize("result", ["oom-kill", "signal"])
def test_a_unit_that_was_stopped_for_one_process_without_memory_gets_another_policy(result: str) -> None:
    crashed = unit_with(snapshot("service-crashed"), FPM, result=result)
    stopped = saying(crashed, FPM, f"{FPM}: {OOM}")
    assert [cause for cause, _ in found(stopped)] == ["oom-stopped-unit", "service-crashed"]
    assert first(stopped) == ("oom-stopped-unit", FPM, "oom-policy")


def test_a_worker_that_was_killed_in_a_unit_that_runs_on_is_none() -> None:
    assert found(saying(snapshot("healthy"), FPM, f"{FPM}: {OOM}")) == []


def test_an_old_oom_kill_says_nothing_of_a_unit_that_was_stopped_since() -> None:
    assert found(saying(snapshot("service-stopped"), FPM, f"{FPM}: {OOM}", ago=60)) == [("service-stopped", FPM)]


# --- port-conflict ---


def test_who_holds_the_port_is_named_with_pid_program_user_and_service() -> None:
    finding = diagnosis.diagnose(snapshot("port-conflict"))[0]
    told = next(each.text for each in finding.evidence if each.source == "socket")
    assert ("(php) of root, other-web.service, listens at 0.0.0.0:80" in told, finding.remediation) == (True, None)
    assert "systemctl disable --now other-web.service" in str(finding.advice)


def test_once_the_port_is_free_a_start_will_do() -> None:
    assert first(without_socket(snapshot("port-conflict"), port=80)) == ("service-crashed", NGINX, "restart-service")


def test_a_unit_without_its_port_is_not_started() -> None:
    host = snapshot("port-conflict")
    said = RestartService().plan(host, diagnosis.diagnose(host))
    assert (said.actions, "other-web.service listens there" in said.refusals[0]) == ((), True)


def test_whoever_may_not_see_the_owner_still_learns_that_the_port_is_taken() -> None:
    host = snapshot("port-conflict")
    assert not isinstance(host.sockets, Unknown)
    unseen = tuple(dataclasses.replace(one, pids=()) for one in host.sockets)
    finding = diagnosis.diagnose(dataclasses.replace(host, sockets=unseen))[0]
    assert finding.cause == "port-conflict"
    assert any("only root may see" in each.text for each in finding.evidence)


def test_what_runs_in_the_cgroup_of_ssh_is_nobodys_service() -> None:
    """Or the advice would be to stop ssh."""
    host = snapshot("port-conflict-fpm")
    assert not isinstance(host.processes, Unknown)
    by_hand = {
        pid: dataclasses.replace(one, unit="ssh.service") if one.name.startswith("php-fpm") else one
        for pid, one in host.processes.items()
    }
    finding = diagnosis.diagnose(dataclasses.replace(host, processes=by_hand))[0]
    assert (finding.cause, finding.remediation) == ("port-conflict", "end-orphan")
    assert "disable --now" not in str(finding.advice)


def stranger(host: Snapshot) -> Snapshot:
    assert not isinstance(host.owners, Unknown)
    return dataclasses.replace(
        host, owners={pid: dataclasses.replace(one, program="/usr/bin/node") for pid, one in host.owners.items()}
    )


def another_user(host: Snapshot) -> Snapshot:
    assert not isinstance(host.owners, Unknown)
    return dataclasses.replace(
        host, owners={pid: dataclasses.replace(one, user="deploy") for pid, one in host.owners.items()}
    )


def another_folder(host: Snapshot) -> Snapshot:
    assert not isinstance(host.owners, Unknown)
    return dataclasses.replace(
        host, owners={pid: dataclasses.replace(one, folder="/srv/app") for pid, one in host.owners.items()}
    )


def in_a_container(host: Snapshot) -> Snapshot:
    assert not isinstance(host.owners, Unknown)
    return dataclasses.replace(
        host, owners={pid: dataclasses.replace(one, apart=True) for pid, one in host.owners.items()}
    )


def listens_everywhere(host: Snapshot) -> Snapshot:
    assert not isinstance(host.sockets, Unknown)
    return dataclasses.replace(
        host,
        sockets=tuple(
            dataclasses.replace(one, address=one.address.replace("127.0.0.1", "0.0.0.0")) for one in host.sockets
        ),
    )


def listens_elsewhere(host: Snapshot) -> Snapshot:
    assert not isinstance(host.sockets, Unknown)
    more = tuple(dataclasses.replace(one, address="127.0.0.1:9999") for one in host.sockets if one.port in (8001, 8002))
    return dataclasses.replace(host, sockets=(*host.sockets, *more))


def unseen(host: Snapshot) -> Snapshot:
    return dataclasses.replace(host, owners=Unknown("not root"))


@pytest.mark.parametrize(
    "altered",
    [stranger, another_user, another_folder, in_a_container, listens_everywhere, listens_elsewhere, unseen],
)
def test_only_the_units_own_program_is_an_orphan(altered: Callable[[Snapshot], Snapshot]) -> None:
    assert first(snapshot("port-orphan")) == ("port-conflict", APP, "end-orphan")
    finding = diagnosis.diagnose(altered(snapshot("port-orphan")))[0]
    assert (finding.cause, finding.remediation) == ("port-conflict", None)
    assert "It is not ended for you: " in str(finding.advice)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "0.0.0.0:80"),
        ("nginx: [emerg] bind() to [::]:80 failed (98: Address already in use)", "[::]:80"),
        ("Error: listen EADDRINUSE: address already in use :::3000", ":::3000"),
        ("Error: listen EADDRINUSE: address already in use 127.0.0.1:3000", "127.0.0.1:3000"),
        ("ERROR: Another FPM instance seems to already listen on /run/php/x.sock", "/run/php/x.sock"),
        (
            "ERROR: unable to bind listening socket for address '127.0.0.1:9000': Address already in use (98)",
            "127.0.0.1:9000",
        ),
        ("[2026-11-28 00:00:01 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 8000)", ":8000"),
        ("(98)Address already in use: AH00072: make_sock: could not bind to address [::]:80", "[::]:80"),
        ("listen tcp 127.0.0.1:8080: bind: address already in use", "127.0.0.1:8080"),
        ('Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)', ":3000"),
    ],
)
def test_the_words_of_many_programs_name_the_place(line: str, place: str) -> None:
    assert taken.SAID.search(line)
    host = snapshot("healthy")
    unix = place.startswith("/")
    port = place if unix else f"0.0.0.0:{place.rpartition(':')[2]}"
    taken_by = dataclasses.replace(host, sockets=(ListeningSocket(port, unix, 0, 1, ()),))
    assert any(taken.holders(taken_by, one, ()) for one in taken.places(line)), list(taken.places(line))


# --- reload-not-applied ---


def test_a_conflict_at_a_reload_must_not_be_answered_by_a_restart() -> None:
    host = snapshot("reload-not-applied")
    finding = diagnosis.diagnose(host)[0]
    assert (finding.cause, finding.remediation) == ("reload-not-applied", None)
    assert "Do not restart" in str(finding.advice)
    assert any("app@8002.service, listens at 127.0.0.1:8002" in each.text for each in finding.evidence)


def log_of(host: Snapshot, edit: Callable[[bytes], bytes]) -> Snapshot:
    assert not isinstance(host.logs, Unknown)
    logs = {path: Log(path, edit(log.data), log.cut) for path, log in host.logs.items()}
    return dataclasses.replace(host, logs=logs)


def test_another_nginx_that_could_not_bind_is_no_reload() -> None:
    """Somebody typed `nginx` where one runs: the same words, by another pid."""
    host = log_of(snapshot("reload-not-applied"), lambda data: data.replace(b"[emerg] ", b"[emerg] 9"))
    assert "reload-not-applied" not in [cause for cause, _ in found(host)]


def test_a_file_that_was_changed_since_waits_to_be_read() -> None:
    host = snapshot("reload-not-applied")
    later = dataclasses.replace(host.machine, now=host.machine.now + 60, uptime=host.machine.uptime + 60)
    path = "/etc/nginx/sites-enabled/admin"
    file = dataclasses.replace(host.files[path], modified=later.now - 5)
    edited = dataclasses.replace(host, machine=later, files={**host.files, path: file})
    assert found(edited) == [("pending-restart", NGINX)]


# --- config-invalid, which only a start shows ---


def test_what_only_the_start_shows_is_told_by_php_fpm_itself() -> None:
    finding = diagnosis.diagnose(snapshot("config-invalid-at-start"))[0]
    assert (finding.cause, finding.subject) == ("config-invalid", FPM)
    assert any("/run/shop/php.sock" in each.text for each in finding.evidence)


def test_a_pool_that_was_edited_since_is_no_word_of_php_fpm() -> None:
    host = snapshot("config-invalid-at-start")
    path = "/etc/php/8.2/fpm/pool.d/www.conf"
    file = dataclasses.replace(host.files[path], modified=host.machine.now)
    edited = dataclasses.replace(host, files={**host.files, path: file})
    assert ("config-invalid", FPM) not in found(edited)
