"""socket-permission on a real host's answers with one fact altered: who keeps nginx out, and what opens the way."""

from __future__ import annotations

from dataclasses import replace

from remediations.diagnosis import diagnose
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.facts.worker import Worker
from remediations.findings import Finding
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot

SOCKET = "/run/php/php8.2-fpm.sock"
BARRED = snapshot("socket-permission")


def first(host: Snapshot) -> Finding:
    found = diagnose(host)[0]
    assert (found.cause, found.subject) == ("socket-permission", f"unix:{SOCKET}")
    return found


def worker(**may: bool) -> Worker:
    """www-data, who may pass the folders, with these words about the socket."""
    folders = {"/run": True, "/run/php": True}
    return Worker("www-data", "www-data", ("www-data",), *({**folders, SOCKET: each} for each in may.values()))


def test_the_rights_of_the_socket_and_of_its_folder_are_shown_and_as_whom_nginx_asks() -> None:
    told = {one.source: one.text for one in first(BARRED).evidence}
    assert told["process"] == "nginx's workers run as www-data (groups: www-data)"
    assert told["file:/run/php"] == "directory, owner www-data, group www-data, mode 755"
    assert told[f"file:{SOCKET}"] == "socket, owner root, group root, mode 660"
    assert "(13: Permission denied)" in told["log:/var/log/nginx/error.log"]


def test_a_pools_socket_is_cured_in_the_pool() -> None:
    assert first(BARRED).remediation == "fix-socket-permission"


def test_a_folder_on_the_way_is_named_with_the_command_that_opens_it() -> None:
    assert not isinstance(BARRED.paths, Unknown)
    closed = PathStatus("/run/php", "directory", "700", "root", "root", "/run/php")
    barred = replace(worker(may=False), may={"/run": True, "/run/php": False, SOCKET: False}, anew={})
    found = first(replace(BARRED, paths={**BARRED.paths, "/run/php": closed}, worker=barred))
    assert found.remediation is None
    assert "may not pass /run/php on the way" in found.summary
    assert "setfacl -m u:www-data:x /run/php" in str(found.advice)


def test_a_group_that_nginxs_workers_do_not_know_of_yet_needs_a_reload() -> None:
    assert first(replace(BARRED, worker=worker(may=False, anew=True))).remediation == "reload-nginx"


def test_where_its_rights_let_nginx_in_something_else_forbids_it() -> None:
    found = first(replace(BARRED, worker=worker(may=True, anew=True)))
    assert found.remediation is None
    assert "apparmor" in str(found.advice)


def test_without_a_try_the_mode_tells() -> None:
    """No setpriv on the host, or not root."""
    assert not isinstance(BARRED.worker, Unknown)
    assert first(replace(BARRED, worker=replace(BARRED.worker, may={}, anew={}))).remediation == "fix-socket-permission"


def test_where_nginxs_user_is_unknown_nothing_is_promised() -> None:
    found = first(replace(BARRED, worker=Unknown("no worker of nginx runs")))
    assert (found.remediation, "Let nginx's user write to it" in str(found.advice)) == (None, True)


def test_where_nginx_says_nothing_that_is_read_it_is_tried_as_its_user() -> None:
    """error_log syslog:…"""
    found = first(replace(BARRED, logs={}))
    assert (found.confidence, found.remediation) == ("certain", "fix-socket-permission")


def test_the_socket_of_another_program_is_told_where_that_takes_its_rights_from() -> None:
    assert not isinstance(BARRED.processes, Unknown)
    named = {pid: replace(one, name="gunicorn") for pid, one in BARRED.processes.items()}
    bare = replace(BARRED, processes=named, php=Unknown("no PHP-FPM"))
    advice = str(first(bare).advice)
    assert "Group=www-data" in advice
    assert "--umask 007" in advice
    assert "chmod 777 lets every user" in advice


def test_a_site_that_answers_has_no_such_finding() -> None:
    healthy = snapshot("healthy")
    assert diagnose(replace(healthy, worker=worker(may=False))) == ()
