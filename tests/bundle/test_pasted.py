"""A pasted log: what its lines let one suspect, never more than likely, and what was not looked at is said."""

from __future__ import annotations

import contextlib
import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediations import diagnosis, offline
from remediations.bundle import pasted, source
from remediations.bundle.typed import DamagedError
from remediations.errors import UsageError
from remediations.facts.base import Unknown
from remediations.host import freshness
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot as recorded

NOW = 1_795_600_000.0
"""November 2026."""
ABOUT = 'client: 192.0.2.1, server: shop.example, request: "GET / HTTP/1.1"'
FPM_SOCKET = "unix:/run/php/php8.2-fpm.sock"
TO_FPM = f'{ABOUT}, upstream: "fastcgi://{FPM_SOCKET}:", host: "shop.example"'
TO_APP = f'{ABOUT}, upstream: "http://127.0.0.1:8001/", host: "api.example"'
READING = "while reading response header from upstream"


def given_log(text: str) -> Snapshot:
    return pasted.snapshot("error.log", text.encode(errors="replace"), cut=False, now=NOW)


def found(text: str) -> list[tuple[str, str, str]]:
    return [(one.cause, one.subject, one.confidence) for one in diagnosis.diagnose(given_log(text))]


def nginx(message: str, about: str = TO_FPM, time: str = "13:05:00", level: str = "error") -> str:
    return f"2026/11/22 {time} [{level}] 7#7: *1 {message}, {about}\n"


UNIT = "php8.2-fpm.service"
KILLED = f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: A process of this unit has been killed by the OOM killer.\n"
MISSING = nginx(f"connect() to {FPM_SOCKET} failed (2: No such file or directory) while connecting to upstream")
STOPPED = [("service-stopped", FPM_SOCKET, "possible"), ("socket-path-mismatch", FPM_SOCKET, "possible")]
KINDS: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "no socket": (MISSING, STOPPED),
    "stale socket": (
        nginx(f"connect() to {FPM_SOCKET} failed (111: Connection refused) while connecting to upstream"),
        [("service-crashed", FPM_SOCKET, "possible")],
    ),
    "refused": (
        nginx("connect() failed (111: Connection refused) while connecting to upstream", TO_APP),
        [("app-down", "127.0.0.1:8001", "possible")],
    ),
    "permission": (
        nginx(f"connect() to {FPM_SOCKET} failed (13: Permission denied) while connecting to upstream"),
        [("socket-permission", FPM_SOCKET, "likely")],
    ),
    "head": (nginx(f"upstream sent too big header {READING}"), [("header-too-big", FPM_SOCKET, "likely")]),
    "slow": (
        nginx(f"upstream timed out (110: Connection timed out) {READING}"),
        [("slow-upstream", FPM_SOCKET, "likely")],
    ),
    "limit": (
        "2026/11/22 13:05:00 [alert] 7#7: 768 worker_connections are not enough\n",
        [("worker-connections", "nginx", "likely")],
    ),
    "configuration": (
        '2026/11/22 13:05:00 [emerg] 7#7: unknown directive "bogus" in /etc/nginx/sites-enabled/x:3\n',
        [("config-invalid", "nginx", "likely")],
    ),
    "written off": (
        nginx("no live upstreams while connecting to upstream", f'{ABOUT}, upstream: "http://app/", host: "x"'),
        [("no-live-upstreams", "app", "likely")],
    ),
    "pool": (
        "[22-Nov-2026 13:05:00] WARNING: [pool www] server reached pm.max_children setting (5), consider raising it\n",
        [("pool-exhausted", "php-fpm:www", "likely")],
    ),
    "segfault": (
        "[22-Nov-2026 13:05:00] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 1 seconds from start\n",
        [("worker-segfault", "php-fpm:www", "likely")],
    ),
    "died": (
        f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Main process exited, code=killed, status=9/KILL\n"
        f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Failed with result 'signal'.\n",
        [("service-crashed", UNIT, "likely")],
    ),
    "given up": (
        f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Start request repeated too quickly.\n"
        f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Failed with result 'exit-code'.\n"
        f"Nov 22 13:05:00 web1 systemd[1]: Failed to start {UNIT} - The PHP FastCGI Process Manager.\n",
        [("start-limit-hit", UNIT, "likely")],
    ),
    "stopped": (
        f"2026-11-22T13:05:00+0100 web1 systemd[1]: Stopping {UNIT} - PHP...\n"
        f"2026-11-22T13:05:01+0100 web1 systemd[1]: Stopped {UNIT} - PHP.\n",
        [("service-stopped", UNIT, "likely")],
    ),
    "kernel": (
        "Nov 22 13:05:00 web1 kernel: Out of memory: Killed process 812 (php-fpm8.2) total-vm:1kB, anon-rss:1kB\n",
        [("worker-oom", "php-fpm", "likely")],
    ),
    "stopped for want of memory": (
        KILLED + f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Failed with result 'oom-kill'.\n",
        [("oom-stopped-unit", UNIT, "likely")],
    ),
    "a worker killed for want of memory": (KILLED, [("worker-oom", UNIT, "likely")]),
    "the same in the kernel's words, too": (
        KILLED + "Nov 22 13:05:00 web1 kernel: Out of memory: Killed process 812 (php-fpm8.2) total-vm:1kB\n",
        [("worker-oom", UNIT, "likely")],
    ),
    "the main process killed for want of memory": (
        KILLED + f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Main process exited, code=killed, status=9/KILL\n"
        f"Nov 22 13:05:00 web1 systemd[1]: {UNIT}: Failed with result 'oom-kill'.\n",
        [("oom-stopped-unit", UNIT, "likely")],
    ),
    "a port that is taken": (
        "2026/11/22 13:05:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
        "Nov 22 13:05:01 web1 node[77]: Error: listen EADDRINUSE: address already in use 127.0.0.1:3000\n",
        [("port-conflict", "0.0.0.0:80", "likely"), ("port-conflict", "127.0.0.1:3000", "likely")],
    ),
    "a full disk": (
        '2026/11/22 13:05:00 [crit] 7#7: *1 pwrite() "/var/lib/nginx/body/1" failed (28: No space left on device), '
        f"{ABOUT}\n",
        [("disk-full", "/var/lib/nginx/body/1", "likely")],
    ),
    "no room for a journal": (
        "Nov 22 13:05:00 web1 app[9]: write failed: No space left on device\n",
        [("disk-full", "a file system", "likely")],
    ),
    "nginx in the journal": (
        "Nov 22 13:05:00 web1 nginx[9]: nginx: [emerg] host not found in upstream \"a\" in /etc/nginx/nginx.conf:9\n",
        [("config-invalid", "nginx", "likely")],
    ),
    "nginx by syslog": (f"Nov 22 13:05:00 web1 nginx: {MISSING}", STOPPED),
    "docker compose": (f"web-1  | {MISSING}", STOPPED),
    "a quoted mail": (f"Look:\n> {MISSING}> what is it?\n", STOPPED),
    "a byte order mark": ("\ufeff" + MISSING, STOPPED),
    "line ends of two bytes": (MISSING.replace("\n", "\r\n"), STOPPED),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_line_names_its_cause_and_no_more_than_likely(name: str) -> None:
    text, expected = KINDS[name]
    assert found(text) == expected
    for finding in diagnosis.diagnose(given_log(text)):
        assert finding.remediation or finding.advice
        assert "{subject}" not in f"{finding.summary}{finding.advice}"


@pytest.mark.parametrize(
    "text",
    [
        # 16 minutes before the newest line
        nginx(f"upstream sent too big header {READING}", time="12:48:00") + "2026/11/22 13:05:00 [notice] 7#7: start\n",
        f"Nov 22 13:04:00 web1 systemd[1]: {UNIT}: Main process exited, code=exited, status=1/FAILURE\n"
        f"Nov 22 13:05:00 web1 systemd[1]: Started {UNIT} - PHP.\n",
        "2026/11/22 13:05:00 [notice] 7#7: signal process started\n",
        f"Nov 22 13:05:00 web1 app[1]: {UNIT}: Main process exited, says the app\n",
        "2026/11/22 13:05:00 [error] 7#7: *1 FastCGI sent in stderr: "
        f'"connect() to unix:/x failed (2: No such file or directory)", {TO_FPM}\n',
    ],
    ids=["old", "started again", "notices", "not systemd", "what a program says"],
)
def test_what_is_over_or_said_by_others_is_no_finding(text: str) -> None:
    assert found(text) == []


def test_a_death_shows_how_the_process_ended() -> None:
    (finding,) = diagnosis.diagnose(given_log(KINDS["died"][0]))
    assert [one.text for one in finding.evidence] == [
        f"2026-11-22 13:05:00 {UNIT}: Main process exited, code=killed, status=9/KILL",
        f"2026-11-22 13:05:00 {UNIT}: Failed with result 'signal'.",
    ]


def test_what_the_journal_says_of_the_service_comes_before_what_its_socket_may_mean() -> None:
    text = KINDS["stale socket"][0] + KINDS["died"][0]
    assert found(text) == [("service-crashed", UNIT, "likely"), ("service-crashed", FPM_SOCKET, "possible")]


def test_a_mix_is_told_in_the_order_of_causes_with_lines_of_each() -> None:
    text = "".join(KINDS[name][0] for name in ("refused", "died", "pool"))
    causes = [(cause, subject) for cause, subject, _ in found(text)]
    assert causes == [("service-crashed", UNIT), ("app-down", "127.0.0.1:8001"), ("pool-exhausted", f"{UNIT}:www")]
    sources = {one.source for finding in diagnosis.diagnose(given_log(text)) for one in finding.evidence}
    assert sources == {"log:error.log", f"journal:{UNIT}"}


def test_the_newest_line_is_now_whatever_stands_last() -> None:
    newest = nginx("connect() failed (111: Connection refused) while connecting to upstream", TO_APP, "14:00:00")
    assert [cause for cause, _, _ in found(newest + MISSING)] == ["app-down"]


@pytest.mark.parametrize(
    ("line", "clock"),
    [
        ("Dec  5 10:00:00 web1 systemd[1]: Started x.service.", "2025-12-05 10:00:00"),
        ("Feb 29 10:00:00 web1 systemd[1]: Started x.service.", "2024-02-29 10:00:00"),
        ("Nov 17 10:00:00.123456 web1 systemd[1]: Started x.service.", "2026-11-17 10:00:00"),
        ("2026-11-17T10:00:00,123456+02:00 web1 systemd[1]: Started x.service.", "2026-11-17 10:00:00"),
        ("Tue 2026-11-17 10:00:00 CET web1 systemd[1]: Started x.service.", "2026-11-17 10:00:00"),
    ],
)
def test_times_of_the_journal_are_read_in_all_their_shapes(line: str, clock: str) -> None:
    machine = given_log(line).machine
    assert freshness.clock(machine, machine.now) == clock


def test_all_that_was_not_looked_at_is_unknown_and_said() -> None:
    host = given_log(MISSING)
    for fact in (host.units, host.sockets, host.processes, host.nginx, host.php, host.answers, host.journal):
        assert fact == Unknown("only a log was given; the host was not asked")
    assert "units, sockets, processes" in diagnosis.blind_spots(host)


BY_THEIR_LOGS: dict[str, set[str]] = {
    "healthy": set(),
    "service-stopped": {"service-stopped", "socket-path-mismatch"},
    "start-limit-hit": {"service-stopped", "socket-path-mismatch"},
    "socket-deleted": {"service-stopped", "socket-path-mismatch"},
    "socket-path-mismatch": {"service-stopped", "socket-path-mismatch"},
    "service-crashed": {"service-crashed"},
    "crash-loop": {"service-crashed"},
    "apps-stopped": {"app-down"},
    "address-mismatch": {"app-down"},
    "pool-exhausted": {"pool-exhausted", "backlog-full"},
    "socket-permission": {"socket-permission"},
    "header-too-big": {"header-too-big"},
    "slow-upstream": {"slow-upstream"},
    "upstream-closed": {"upstream-closed"},
    "protocol-mismatch": {"upstream-closed"},
    "worker-segfault": {"worker-segfault", "worker-killed"},
    "worker-killed": {"worker-killed"},
    "request-terminated": {"request-terminated", "worker-killed"},
    "tls-mismatch": {"tls-mismatch"},
    "dns-failure": {"dns-failure"},
    "firewall-reject": {"firewall-reject"},
    "firewall-drop": {"firewall-drop"},
    "no-live-upstreams": {"app-down", "no-live-upstreams"},
    "nginx-file-limit": {"nginx-file-limit"},
    "worker-connections": {"worker-connections"},
}
"""What the logs of real hosts alone lead to: the cause where they tell it, else what it looks like from there."""


@pytest.mark.parametrize("name", BY_THEIR_LOGS)
def test_the_logs_of_a_real_host_lead_near_its_cause(name: str) -> None:
    host = recorded(name)
    assert not isinstance(host.logs, Unknown)
    text = b"".join(log.data for log in host.logs.values())
    findings = diagnosis.diagnose(pasted.snapshot("x", text, cut=False, now=NOW))
    assert {finding.cause for finding in findings} == BY_THEIR_LOGS[name]
    assert {finding.confidence for finding in findings} <= {"likely", "possible"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\n\nhello\n", "neither a bundle of --save nor a log"),
        (b'192.0.2.1 - - [22/Nov/2026:13:05:00 +0000] "GET / HTTP/1.1" 502 157 "-" "x"\n', "it is an access log"),
        (b"2026/99/99 99:99:99 [error] 7#7: odd\n", "neither a bundle"),
        (b"\x7fELF" + bytes(range(256)) * 40, "neither a bundle"),
    ],
)
def test_what_is_no_log_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(DamagedError, match=said):
        pasted.snapshot("x", data, cut=False, now=NOW)


PIECES = [text for text, _ in KINDS.values()] + [
    "\n",
    " ",
    "Feb 30 99:99:99 a b: ",
    "[31-Feb-2026 99:00:00] WARNING: ",
    "\0",
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(PIECES) | st.text(max_size=5) | st.integers(0, 150).map(lambda n: PIECES[0][n:]), max_size=9
    )
)
def test_whatever_was_pasted_is_diagnosed_or_refused(pieces: list[str]) -> None:
    with contextlib.suppress(DamagedError):
        for finding in diagnosis.diagnose(given_log("".join(pieces))):
            assert finding.confidence in ("likely", "possible")


def test_a_log_may_be_packed_or_come_in_at_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "error.log.gz"
    packed.write_bytes(gzip.compress(MISSING.encode()))
    assert [one.findings[0].cause for one in offline.results(packed, ())] == ["service-stopped"]
    stdin: Any = io.TextIOWrapper(io.BytesIO(MISSING.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    (result,) = offline.results(source.STDIN, ())
    assert (result.host, result.findings[0].cause) == ("stdin", "service-stopped")


def test_of_a_long_log_the_end_is_read_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_LOG_BYTES", 1 << 20)
    log = tmp_path / "error.log"
    log.write_text("2026/11/22 13:00:00 [error] 7#7: *1 odd\n" * 60_000 + MISSING)
    (result,) = offline.results(log, ())
    assert result.findings[0].cause == "service-stopped"
    assert "the last 1 MiB of it" in result.notes[0][1]


@pytest.mark.parametrize("piece", ["x", "\n", "a\n", "connect() to ", "Nov 22 13:05:00 a b: ", " in /a:1", "[pool a"])
def test_seven_megabytes_behind_a_line_are_read_in_no_time_and_not_shown(piece: str) -> None:
    """A pattern that is tried at each place again would take minutes: this test would never end."""
    lines = MISSING + MISSING.rstrip("\n") + piece * ((7 << 20) // len(piece))
    with contextlib.suppress(DamagedError):  # so many lines that these are beyond its end
        shown = [one.text for finding in diagnosis.diagnose(given_log(lines)) for one in finding.evidence]
        assert all(len(text) < 10_000 for text in shown)


def test_a_log_in_which_nothing_is_known_says_what_may_help(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_text(MISSING + "2026/11/22 14:05:00 [notice] 7#7: signal process started\n")
    (result,) = offline.results(log, ())
    assert (result.status, result.findings) == ("unknown", ())
    assert "cut where the fault was" in str(result.error)


def test_a_log_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONGEST_BYTES", 4 << 20)
    with pytest.raises(UsageError, match="is longer than"):
        offline.results(Path("/dev/zero"), ())
