"""What the logs say: each line names its cause while it is fresh and the site is bad, and is history otherwise."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, Probe
from remediations.facts.journal import JournalLine
from remediations.facts.logs import Log
from remediations.host import freshness
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
LIMITS = {
    "[alert] 55#55: 10 worker_connections are not enough": "worker-connections",
    "[crit] 55#55: accept4() failed (24: Too many open files)": "nginx-file-limit",
}
"""What nginx says where it cannot even take a connection: of no request, and so of no site."""
REQUEST = 'client: 192.0.2.1, server: shop.example, request: "GET / HTTP/1.1"'
TO_FPM = f'{REQUEST}, upstream: "fastcgi://unix:/run/php/php8.2-fpm.sock:", host: "shop.example"'
TO_APP = f'{REQUEST}, upstream: "https://127.0.0.1:8001/", host: "shop.example"'
TO_ELSEWHERE = f'{REQUEST}, upstream: "http://192.0.2.9:80/", host: "shop.example"'
RESET = (
    "{now} [error] 7#7: *1 recv() failed (104: Connection reset by peer) while reading response header from upstream, "
    f"{TO_FPM}\n"
)


READING, SHAKING = "while reading response header from upstream", "while SSL handshaking to upstream"
SOCKET = "unix:/run/php/php8.2-fpm.sock"


@pytest.mark.parametrize(
    ("said", "about", "cause"),
    [
        (f"connect() to {SOCKET} failed (11: Resource temporarily unavailable) while connecting to upstream",
         TO_FPM, "backlog-full"),
        (f"upstream sent unsupported FastCGI protocol version: 72 {READING}", TO_FPM, "protocol-mismatch"),
        (f'upstream sent invalid header: "Foo\\x20..." {READING}', TO_FPM, "invalid-header"),
        (f"upstream timed out (110: Operation timed out) {READING}", TO_FPM, "slow-upstream"),
        (f"SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) {SHAKING}",
         TO_APP, "tls-mismatch"),
        (f"SSL_do_handshake() failed (SSL: error:0A000458:SSL routines::tlsv1 unrecognized name) {SHAKING}",
         TO_APP, "tls-mismatch"),
        (f"upstream timed out (110: Connection timed out) {SHAKING}", TO_APP, "tls-mismatch"),
        (f"upstream SSL certificate verify error: (10:certificate has expired) {SHAKING}", TO_APP, "tls-mismatch"),
        (f'upstream SSL certificate does not match "app" {SHAKING}', TO_APP, "tls-mismatch"),
        (f"recv() failed (104: Connection reset by peer) {READING}", TO_APP, "upstream-closed"),
        (f"recv() failed (104: Connection reset by peer) {READING}", TO_FPM, "worker-killed"),
        ("connect() failed (101: Network is unreachable) while connecting to upstream", TO_APP, "firewall-reject"),
        ("connect() failed (111: Connection refused) while connecting to upstream", TO_ELSEWHERE, "firewall-reject"),
    ],
)  # fmt: skip
def test_what_nginx_says_names_the_cause(said: str, about: str, cause: str) -> None:
    host = with_log(BAD, NGINX_LOG, f"{{now}} [error] 7#7: *1 {said}, {about}\n")
    subject = {TO_FPM: SOCKET, TO_APP: "127.0.0.1:8001", TO_ELSEWHERE: "192.0.2.9:80"}[about]
    assert found(host) == [(cause, subject)]
    advice = str(diagnosis.diagnose(host)[0].advice)
    assert advice
    assert "{" not in advice


def test_a_name_without_a_resolver_is_named() -> None:
    line = f"{{now}} [error] 7#7: *1 no resolver defined to resolve backend.internal, {REQUEST}\n"
    assert found(with_log(BAD, NGINX_LOG, line)) == [("dns-failure", "backend.internal")]


REFERRER = ', referrer: "9 worker_connections are not enough"'


@pytest.mark.parametrize(
    "line",
    [
        f"{{now}} [error] 7#7: *1 odd, {TO_APP}{REFERRER}",
        f'{{now}} [error] 7#7: *1 FastCGI sent in stderr: "x could not be resolved (3: Host not found)", {TO_FPM}',
        f'{{now}} [error] 7#7: *1 FastCGI sent in stderr: "open() failed (24: Too many open files)", {TO_FPM}',
        f"{{now}} [info] 7#7: *1 SSL_do_handshake() failed (SSL: wrong version) while SSL handshaking, {REQUEST}",
        f"{{now}} [info] 7#7: *1 peer closed connection in SSL handshake while SSL handshaking, {REQUEST}",
        "{now} [error] 7#7: ocsp.example could not be resolved (3: Host not found) while requesting certificate status",
        "{now} [error] 7#7: *1 upstream timed out (110: Connection timed out) while connecting to upstream, "
        'client: 192.0.2.1, server: 0.0.0.0:5432, upstream: "10.0.0.5:5432", bytes from/to client:0/0',
        "2026/02/31 10:00:00 [error] 7#7: *1 upstream sent too big header while reading response header from upstream",
        "2026/13/45 99:00:00 [error] 1#1: row 7",
    ],
    ids=["referrer", "stderr dns", "stderr files", "client TLS", "client closed", "OCSP", "stream", "date", "times"],
)  # fmt: skip
def test_what_others_say_in_that_log_is_no_word_of_nginx(line: str) -> None:
    assert found(with_log(BAD, NGINX_LOG, f"{line}\n")) == [("unknown", "web1")]


def test_a_date_that_is_none_in_the_log_of_fpm_is_no_time() -> None:
    line = (
        "[31-Feb-2026 10:00:00] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 1 seconds from start\n"
    )
    assert found(with_log(with_log(BAD, NGINX_LOG, RESET), FPM_LOG, line)) == [("worker-killed", SOCKET)]


def test_the_line_of_another_site_that_is_good_does_not_count() -> None:
    other = TO_FPM.replace("shop.example", "api.example")
    line = f"{{now}} [error] 7#7: *1 upstream sent too big header {READING}, {other}\n"
    assert found(with_log(BAD, NGINX_LOG, line)) == [("unknown", "web1")]


def test_what_is_said_now_outweighs_what_was_said_before() -> None:
    earlier = freshness.clock(BAD.machine, BAD.machine.now - 300).replace("-", "/")
    old = f"{earlier} [error] 7#7: *1 upstream sent too big header {READING}, {TO_FPM}\n"
    served = dataclasses.replace(BAD.machine, uptime=BAD.machine.uptime + 600)
    assert not isinstance(BAD.processes, Unknown)
    aged = {pid: dataclasses.replace(one, started=one.started - 600) for pid, one in BAD.processes.items()}
    host = dataclasses.replace(BAD, machine=served, processes=aged)
    assert found(with_log(host, NGINX_LOG, old))[0] == ("header-too-big", SOCKET)
    now = f"{{now}} [error] 7#7: *2 upstream timed out (110: Connection timed out) {READING}, {TO_FPM}\n"
    assert "header-too-big" not in dict(found(with_log(host, NGINX_LOG, old + now)))
    assert found(with_log(host, NGINX_LOG, old + now))[0] == ("slow-upstream", SOCKET)


def test_a_500_of_the_app_is_not_explained_by_nginx() -> None:
    assert not isinstance(BAD.answers, Unknown)
    answers = tuple(
        dataclasses.replace(one, status=500, body="Database down", head="HTTP/1.1 500\r\nX-Powered-By: PHP/8.2\r\n")
        if one.status == 502 else one
        for one in BAD.answers
    )  # fmt: skip
    (unknown,) = diagnosis.diagnose(dataclasses.replace(BAD, answers=answers))
    assert (unknown.cause, unknown.subject) == ("unknown", "web1")
    assert "the app itself has answered 500, so its own log says why" in str(unknown.advice)


@pytest.mark.parametrize("piece", ["x", "7", "SSL_do_handshake() failed ", "[pool a", "connect() to "])
def test_a_hostile_log_of_256_kib_is_read_in_no_time(piece: str) -> None:
    """A pattern that is tried at each place again, or backtracks, would take minutes: this test would never end."""
    text = (piece * (256 * 1024 // len(piece))).replace("{", "(")
    for path in (NGINX_LOG, FPM_LOG):
        for lead in ("", "{now} [error] 7#7: *1 ", "[{now}] WARNING: [pool www] child 7, script '"):
            found(with_log(with_log(BAD, NGINX_LOG, RESET), path, f"{lead}{text}\n"))


@pytest.mark.parametrize(("signal", "cause"), [("11 (SIGSEGV)", "worker-segfault"), ("9 (SIGKILL)", "worker-killed")])
def test_fpm_says_how_its_workers_die(signal: str, cause: str) -> None:
    line = f"[{{now}}] WARNING: [pool www] child 7 exited on signal {signal} after 1.2 seconds from start\n"
    host = with_log(with_log(BAD, NGINX_LOG, RESET), FPM_LOG, line)
    assert found(host) == [(cause, f"{FPM}:www")]


def test_a_worker_that_is_told_to_end_is_none_that_died() -> None:
    line = "[{now}] WARNING: [pool www] child 7 exited on signal 15 (SIGTERM) after 1.2 seconds from start\n"
    assert found(with_log(with_log(BAD, NGINX_LOG, RESET), FPM_LOG, line)) == [("worker-killed", SOCKET)]


def test_a_signal_9_with_the_kernels_word_is_want_of_memory() -> None:
    """Made by hand: the lab's hosts have no memory controller."""
    line = "[{now}] WARNING: [pool www] child 7 exited on signal 9 (SIGKILL) after 1.2 seconds from start\n"
    host = with_log(with_log(BAD, NGINX_LOG, RESET), FPM_LOG, line)
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


LOGGED = ("header-too-big", "upstream-closed", "slow-upstream", "tls-mismatch", "dns-failure",
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
    host = dataclasses.replace(snapshot("socket-permission"), worker=Unknown("it was not tried"))
    soon = dataclasses.replace(host.machine, now=host.machine.now + 60, uptime=host.machine.uptime + 60)
    restarted = with_unit(dataclasses.replace(host, machine=soon), served_since=soon.uptime - 5)
    assert [cause for cause, _ in found(restarted)] == ["unknown"]


@pytest.mark.parametrize(
    "says", ["syslog:server=unix:/dev/log", "stderr", "/dev/null", "/var/log/nginx/error.log emerg", "off"]
)
def test_where_nginx_says_nothing_that_can_be_read_the_report_says_so(says: str) -> None:
    main = "/etc/nginx/nginx.conf"
    file = BAD.files[main]
    deaf = with_log(BAD, NGINX_LOG, "").with_file(main, file.data.replace(b"/var/log/nginx/error.log", says.encode()))
    (finding,) = (one for one in diagnosis.diagnose(deaf) if one.cause == "unknown")
    assert f"error_log {says}" in str(finding.advice)
    assert "what nginx says" not in diagnosis.blind_spots(deaf)  # which warns of a healthy host, too


@pytest.mark.parametrize(
    ("url", "connect", "causes"),
    [
        ("http://shop.example/", "127.0.0.1:80", ["slow-upstream"]),
        ("http://shop.example/", None, ["slow-upstream"]),
        ("http://127.0.0.1:8001/", None, ["unknown"]),
        ("http://127.0.0.1:8099/", None, ["unknown"]),
    ],
)
def test_a_site_that_hangs_is_slow_only_where_nginx_was_asked(url: str, connect: str | None, causes: list[str]) -> None:
    probe = Probe(url, connect=connect)
    answer = HttpAnswer(probe, None, 0, contains=False, head="", body="", failure=probe.too_late)
    host = dataclasses.replace(with_log(BAD, NGINX_LOG, ""), answers=(answer,))
    assert [one.cause for one in diagnosis.diagnose(host)] == causes
    refused = dataclasses.replace(answer, failure="connection refused")
    assert [one.cause for one in diagnosis.diagnose(dataclasses.replace(host, answers=(refused,)))] == ["unknown"]


@pytest.mark.parametrize(("said", "cause"), LIMITS.items())
def test_a_limit_that_keeps_nginx_from_taking_a_connection_is_told_where_nobody_has_an_answer(
    said: str, cause: str
) -> None:
    host = snapshot("healthy")
    assert not isinstance(host.answers, Unknown)
    mute = tuple(dataclasses.replace(one, status=None, failure="curl exit code 52") for one in host.answers)
    flooded = with_log(dataclasses.replace(host, answers=mute), NGINX_LOG, f"{{now}} {said}\n")
    assert found(flooded) == [(cause, "nginx.service")]
    assert found(with_log(host, NGINX_LOG, f"{{now}} {said}\n")) == []
    old = with_log(flooded, NGINX_LOG, f"2020/01/01 00:00:00 {said}\n")
    assert [name for name, _ in found(old)] == ["unknown"]


def test_who_was_refused_before_the_app_was_started_met_no_firewall() -> None:
    """The app was started anew a minute ago, in the second in which nginx had been refused."""
    host = snapshot("no-live-upstreams")
    started = host.machine.now - 60
    assert not isinstance(host.processes, Unknown)
    assert not isinstance(host.units, Unknown)
    since = host.machine.uptime - 60
    served = {name: dataclasses.replace(unit, served_since=since) for name, unit in host.units.items()}
    young = {pid: dataclasses.replace(one, started=started) for pid, one in host.processes.items()}
    when = freshness.clock(host.machine, started + 1).replace("-", "/")
    line = f"{when} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, {TO_APP}\n"
    line = line.replace("shop.example", "api.example")
    mended = with_log(dataclasses.replace(host, processes=young, units=served), NGINX_LOG, line)
    assert "firewall-reject" not in [cause for cause, _ in found(mended)]
