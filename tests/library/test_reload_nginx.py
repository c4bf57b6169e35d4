"""reload-nginx: only where a finding calls for it, and then one reload."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations import diagnosis
from remediations.changes.unit import UnitAction
from remediations.facts.base import Unknown
from remediations.library import known
from remediations.library.reload_nginx import ReloadNginx
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot as recorded
from tests.library.nginx_host import disliked

WRITTEN_OFF = recorded("no-live-upstreams")


def plan(snapshot: Snapshot) -> Proposal:
    return ReloadNginx().plan(snapshot, diagnosis.diagnose(snapshot))


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["reload-nginx"] is ReloadNginx


def test_a_group_that_was_written_off_and_is_back_is_asked_again() -> None:
    said = plan(WRITTEN_OFF)
    pid = WRITTEN_OFF.live_nginx.master if WRITTEN_OFF.live_nginx else None
    assert said.actions == (
        UnitAction("reload-nginx", "nginx.service", "reload", "to ask the servers of app again", pid=pid),
    )
    assert said.files == ()


def test_while_a_server_does_not_listen_a_reload_would_change_nothing() -> None:
    assert not isinstance(WRITTEN_OFF.sockets, Unknown)
    down = tuple(socket for socket in WRITTEN_OFF.sockets if socket.port != 8002)
    assert plan(replace(WRITTEN_OFF, sockets=down)) == Proposal()


@pytest.mark.parametrize("said", ["upstream prematurely closed connection", "recv() failed (104: reset by peer)"])
def test_while_a_server_fails_otherwise_a_reload_would_not_help(said: str) -> None:
    """They are written off since they hang up, not since they were away."""
    assert not isinstance(WRITTEN_OFF.logs, Unknown)
    (path,) = (path for path in WRITTEN_OFF.logs if path.endswith("nginx/error.log"))
    log = WRITTEN_OFF.logs[path]
    last = log.data.rstrip(b"\n").split(b"\n")[-1].decode()
    line = last.replace("no live upstreams", said).replace("http://app/", "http://127.0.0.1:8001/")
    assert line != last
    more = replace(log, data=log.data + line.encode() + b"\n")
    assert plan(replace(WRITTEN_OFF, logs={**WRITTEN_OFF.logs, path: more})) == Proposal()


@pytest.mark.parametrize("server", ["192.0.2.9:80", "nowhere.example:80", "unix:"])
def test_whether_servers_elsewhere_are_back_nobody_here_can_tell(server: str) -> None:
    """nginx's own port 80 on this host says nothing of another's."""
    api = WRITTEN_OFF.file_at("/etc/nginx/sites-available/api")
    assert api
    text = api.data.replace(b"127.0.0.1:8001", server.encode()).replace(b"127.0.0.1:8002", server.encode())
    assert plan(WRITTEN_OFF.with_file(api.real_path, text)) == Proposal()


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(recorded("healthy")) == Proposal()


def test_after_the_reload_a_second_run_has_nothing_left_to_do() -> None:
    """What nginx said before its workers were started is history."""
    assert not isinstance(WRITTEN_OFF.processes, Unknown)
    now = WRITTEN_OFF.machine.now + 3
    young = {pid: replace(process, started=now) for pid, process in WRITTEN_OFF.processes.items()}
    soon = replace(WRITTEN_OFF.machine, now=now, uptime=WRITTEN_OFF.machine.uptime + 3)
    assert plan(replace(WRITTEN_OFF, machine=soon, processes=young)) == Proposal()


def test_a_configuration_that_does_not_validate_is_not_reloaded() -> None:
    said = plan(disliked(WRITTEN_OFF, 'nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3'))
    assert (said.actions, "not valid" in said.refusals[0]) == ((), True)
