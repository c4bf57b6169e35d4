"""What the logs say: each line names its cause while it is fresh and the site is bad, and is history otherwise."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.facts.logs import Log
from remediations.nginx import log
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found, with_unit
from tests.causes.recorded import snapshot

NGINX_LOG, FPM_LOG = "/var/log/nginx/error.log", "/var/log/php8.2-fpm.log"


def logs(host: Snapshot) -> dict[str, Log]:
    assert not isinstance(host.logs, Unknown)
    return dict(host.logs)


def with_log(host: Snapshot, path: str, text: str) -> Snapshot:
    """The same host with that log; `{now}` in the text is the host's own time, as that log writes it."""
    form = "%Y/%m/%d %H:%M:%S" if path == NGINX_LOG else "%d-%b-%Y %H:%M:%S"
    now = time.strftime(form, time.gmtime(host.machine.now))
    assert host.machine.utc_offset == "+0000"
    return dataclasses.replace(host, logs={**logs(host), path: Log(path, text.format(now=now).encode(), cut=False)})


BAD = snapshot("header-too-big")
"""A site that is bad while all its daemons run."""
REQUEST = 'client: 192.0.2.1, server: shop.example, request: "GET / HTTP/1.1"'
TO_FPM = f'{REQUEST}, upstream: "fastcgi://unix:/run/php/php8.2-fpm.sock:", host: "shop.example"'
TO_APP = f'{REQUEST}, upstream: "https://127.0.0.1:8001/", host: "api.example"'


@pytest.mark.parametrize(
    ("said", "cause", "subject"),
    [
        (f"connect() to unix:/run/php/php8.2-fpm.sock failed (11: Resource temporarily unavailable), {TO_FPM}",
         "backlog-full", "unix:/run/php/php8.2-fpm.sock"),
        (f"upstream sent unsupported FastCGI protocol version: 72 {TO_FPM}",
         "protocol-mismatch", "unix:/run/php/php8.2-fpm.sock"),
        (f"SSL_do_handshake() failed (SSL: SSL wrong version number) {TO_APP}",
         "tls-mismatch", "127.0.0.1:8001"),
        (f"SSL_do_handshake() failed (SSL: SSL tlsv1 unrecognized name:SSL alert number 112), {TO_APP}",
         "tls-mismatch", "127.0.0.1:8001"),
        (f"upstream SSL certificate verify error: (10:certificate has expired) {TO_APP}",
         "tls-mismatch", "127.0.0.1:8001"),
        (f"no resolver defined to resolve backend.internal, {REQUEST}", "dns-failure", "backend.internal"),
        (f"recv() failed (104: Connection reset by peer) while reading response header from upstream, {TO_APP}",
         "worker-killed", "127.0.0.1:8001"),
    ],
)  # fmt: skip
def test_what_nginx_says_names_the_cause(said: str, cause: str, subject: str) -> None:
    host = with_log(BAD, NGINX_LOG, f"{{now}} [error] 7#7: *1 {said}\n")
    assert found(host) == [(cause, subject)]
    advice = str(diagnosis.diagnose(host)[0].advice)
    assert advice
    assert "{" not in advice


@pytest.mark.parametrize(("signal", "cause"), [("11 (SIGSEGV)", "worker-segfault"), ("9 (SIGKILL)", "worker-killed")])
def test_fpm_says_how_its_workers_die(signal: str, cause: str) -> None:
    line = f"[{{now}}] WARNING: [pool www] child 7 exited on signal {signal} after 1.2 seconds from start\n"
    host = with_log(with_log(BAD, NGINX_LOG, ""), FPM_LOG, line)
    assert found(host) == [(cause, f"{FPM}:www")]


def test_a_worker_that_is_told_to_end_is_none_that_died() -> None:
    line = "[{now}] WARNING: [pool www] child 7 exited on signal 15 (SIGTERM) after 1.2 seconds from start\n"
    assert found(with_log(with_log(BAD, NGINX_LOG, ""), FPM_LOG, line)) == [("unknown", "web1")]


def test_a_signal_9_with_the_kernels_word_is_want_of_memory() -> None:
    """Made by hand: the lab's hosts have no memory controller."""
    line = "[{now}] WARNING: [pool www] child 7 exited on signal 9 (SIGKILL) after 1.2 seconds from start\n"
    host = with_log(with_log(BAD, NGINX_LOG, ""), FPM_LOG, line)
    assert not isinstance(host.journal, Unknown)
    kernel = JournalLine(
        host.machine.now - 1, "systemd", FPM, f"{FPM}: A process of this unit has been killed by the OOM killer."
    )
    host = dataclasses.replace(host, journal=(*host.journal, kernel))
    assert found(host) == [("worker-oom", f"{FPM}:www")]
    assert "Never raise" in str(diagnosis.diagnose(host)[0].advice)


def test_the_ugliest_log_of_a_healthy_host_is_no_finding() -> None:
    """Every fault's own lines, written this very second."""
    well = snapshot("healthy")
    ugly = "".join(line.text + "\n" for name in LOGGED for line in log.records(snapshot(name)))
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(well.machine.now))
    ugly = re.sub(r"(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", now, ugly)
    assert len(ugly.splitlines()) > len(LOGGED)
    host = dataclasses.replace(well, logs={**logs(well), NGINX_LOG: Log(NGINX_LOG, ugly.encode(), cut=False)})
    assert found(host) == []


LOGGED = ("socket-permission", "header-too-big", "upstream-closed", "slow-upstream", "tls-mismatch", "dns-failure",
          "firewall-reject", "firewall-drop", "no-live-upstreams", "worker-connections",
          "nginx-file-limit")  # fmt: skip


@pytest.mark.parametrize("name", LOGGED)
def test_what_was_said_long_ago_or_before_nginx_was_started_is_history(name: str) -> None:
    """The site is bad, and these lines are not why."""
    host = snapshot(name)
    later = dataclasses.replace(host.machine, now=host.machine.now + 3600, uptime=host.machine.uptime + 3600)
    assert [cause for cause, _ in found(dataclasses.replace(host, machine=later))] == ["unknown"]
    assert not isinstance(host.processes, Unknown)
    young = {pid: dataclasses.replace(process, started=host.machine.now + 5) for pid, process in host.processes.items()}
    soon = dataclasses.replace(host.machine, now=host.machine.now + 10, uptime=host.machine.uptime + 10)
    assert [cause for cause, _ in found(dataclasses.replace(host, machine=soon, processes=young))] == ["unknown"]


def test_the_line_of_a_backend_that_was_started_since_is_history() -> None:
    host = snapshot("socket-permission")
    soon = dataclasses.replace(host.machine, now=host.machine.now + 60, uptime=host.machine.uptime + 60)
    restarted = with_unit(dataclasses.replace(host, machine=soon), served_since=soon.uptime - 5)
    assert [cause for cause, _ in found(restarted)] == ["unknown"]
