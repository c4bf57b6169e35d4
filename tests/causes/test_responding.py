"""Answers that are cut short, connections kept too long, and what PHP-FPM adds to a slow or dying request."""

from __future__ import annotations

import dataclasses
import re

import pytest

from remediations import diagnosis, health
from remediations.facts.base import Unknown
from remediations.facts.journal import JournalLine
from remediations.findings import Finding
from remediations.php import timeouts
from remediations.php.pools import every
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found
from tests.causes.recorded import snapshot
from tests.causes.test_said import BAD, FPM_LOG, NGINX_LOG, READING, RESET, SOCKET, TO_APP, TO_FPM, with_log

CUT, STALE = snapshot("truncated-body"), snapshot("stale-keepalive")
API = "/etc/nginx/sites-available/api"
MAIN, WWW = "/etc/php/8.2/fpm/php-fpm.conf", "/etc/php/8.2/fpm/pool.d/www.conf"
TO_API = TO_APP.replace("shop.example", "api.example").replace("https", "http")


def edited(host: Snapshot, path: str, before: str, after: str) -> Snapshot:
    """The same host with that text in one of its files."""
    file = next(one for one in host.files.values() if one.real_path == path)
    assert before.encode() in file.data
    return host.with_file(path, file.data.replace(before.encode(), after.encode()))


def with_pool(host: Snapshot, *lines: str) -> Snapshot:
    text = "\n".join(lines)
    return host.with_file(WWW, host.files[WWW].data + f"\n{text}\n".encode())


# --- truncated-body ---


def test_half_a_page_is_no_good_answer_whatever_its_status() -> None:
    judged = health.judge(CUT.answers)
    assert (judged.ok, judged.status) == (False, 200)
    assert "cut short" in judged.summary


@pytest.mark.parametrize(
    "said",
    [
        "upstream prematurely closed connection while reading upstream",
        "upstream prematurely closed FastCGI request while reading upstream",
        "readv() failed (104: Connection reset by peer) while reading upstream",
        "recv() failed (104: Connection reset by peer) while reading upstream",
    ],
)
def test_who_hangs_up_in_the_midst_is_named(said: str) -> None:
    host = with_log(CUT, NGINX_LOG, f"{{now}} [error] 7#7: *1 {said}, {TO_FPM}\n")
    assert found(host) == [("truncated-body", SOCKET)]


def test_a_folder_of_nginxs_own_that_it_may_not_write_to_is_named() -> None:
    said = 'open() "/var/lib/nginx/fastcgi/1/00/0000000001" failed (13: Permission denied) while reading upstream'
    host = with_log(CUT, NGINX_LOG, f"{{now}} [crit] 7#7: *1 {said}, {TO_FPM}\n")
    assert found(host) == [("truncated-body", "/var/lib/nginx/fastcgi")]
    assert "chmod 777" in str(diagnosis.diagnose(host)[0].advice)


def test_a_worker_that_dies_in_the_midst_says_so_itself() -> None:
    """The shop's answer is cut short, and PHP-FPM's log says why."""
    assert not isinstance(BAD.answers, Unknown)
    answers = tuple(dataclasses.replace(one, status=200, size=9, cut=True) if one.status == 502 else one
                    for one in BAD.answers)  # fmt: skip
    said = "readv() failed (104: Connection reset by peer) while reading upstream"
    host = with_log(dataclasses.replace(BAD, answers=answers), NGINX_LOG, f"{{now}} [error] 7#7: *1 {said}, {TO_FPM}\n")
    assert found(host) == [("truncated-body", SOCKET)]
    line = (
        "[{now}] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV - core dumped) after 1 seconds from start\n"
    )
    assert found(with_log(host, FPM_LOG, line)) == [("worker-segfault", f"{FPM}:www")]


def test_a_fastcgi_answer_that_ends_before_its_head_is_a_hang_up_too() -> None:
    line = f"{{now}} [error] 7#7: *1 upstream prematurely closed FastCGI stdout {READING}, {TO_FPM}\n"
    assert found(with_log(BAD, NGINX_LOG, line)) == [("upstream-closed", SOCKET)]


# --- stale-keepalive ---


def stale(host: Snapshot) -> list[str]:
    return [cause for cause, _ in found(host) if cause == "stale-keepalive"]


def test_posts_that_fail_on_kept_connections_are_named_on_a_site_that_answers() -> None:
    (finding,) = diagnosis.diagnose(STALE)
    assert (finding.cause, finding.confidence, finding.remediation) == ("stale-keepalive", "likely", None)
    assert "60s" in str(finding.advice)
    assert "keepalive_timeout" in str(finding.advice)
    own = edited(STALE, API, "keepalive 8;", "keepalive 8; keepalive_timeout 4s;")
    assert "4s" in str(diagnosis.diagnose(own)[0].advice)


@pytest.mark.parametrize(
    ("before", "after"),
    [("keepalive 8;", ""), ("proxy_http_version 1.1;", ""), ("proxy_http_version 1.1;", "proxy_http_version 1.0;")],
)
def test_where_no_connection_is_kept_none_is_stale(before: str, after: str) -> None:
    assert stale(edited(STALE, API, before, after)) == []


def test_gets_say_nothing_for_nginx_asks_them_again() -> None:
    assert not isinstance(STALE.logs, Unknown)
    text = STALE.logs[NGINX_LOG].data.decode().replace("POST /", "GET /").replace("{", "(")
    assert stale(with_log(STALE, NGINX_LOG, text)) == []


def test_one_failed_post_is_only_possibly_so() -> None:
    post = TO_API.replace("GET /", "POST /")
    line = f"{{now}} [error] 7#7: *1 upstream prematurely closed connection {READING}, {post}\n"
    (finding,) = diagnosis.diagnose(with_log(STALE, NGINX_LOG, line))
    assert (finding.cause, finding.confidence) == ("stale-keepalive", "possible")


def test_failed_posts_of_long_ago_are_history() -> None:
    later = dataclasses.replace(STALE.machine, now=STALE.machine.now + 3600, uptime=STALE.machine.uptime + 3600)
    assert found(dataclasses.replace(STALE, machine=later)) == []


def failing(host: Snapshot) -> Snapshot:
    """The same host, whose app's site answers 502."""
    assert not isinstance(host.answers, Unknown)
    return dataclasses.replace(
        host,
        answers=tuple(
            dataclasses.replace(one, status=502, body="<hr><center>nginx") if "api.example" in one.probe.sites else one
            for one in host.answers
        ),
    )


def test_an_app_that_hangs_up_on_everything_is_not_stale() -> None:
    post = TO_API.replace("GET /", "POST /")
    lines = "".join(
        f"{{now}} [error] 7#7: *1 upstream prematurely closed connection {READING}, {about}\n"
        for about in (post, post, TO_API)
    )
    assert found(failing(with_log(STALE, NGINX_LOG, lines))) == [("upstream-closed", "127.0.0.1:8001")]


def test_stale_connections_may_be_why_a_group_is_written_off() -> None:
    assert not isinstance(STALE.logs, Unknown)
    before = STALE.logs[NGINX_LOG].data.decode().replace("{", "(")
    group = TO_API.replace("127.0.0.1:8001", "app")
    line = f"{{now}} [error] 7#7: *1 no live upstreams while connecting to upstream, {group}\n"
    assert found(failing(with_log(STALE, NGINX_LOG, before + line)))[0] == ("stale-keepalive", "app")


# --- PHP-FPM's own word ---


def test_what_php_fpm_says_to_syslog_counts_as_its_log_does() -> None:
    """Recorded from a real host with error_log = syslog."""
    host = with_log(BAD, NGINX_LOG, RESET)
    assert not isinstance(host.journal, Unknown)
    said = "[WARNING] [pool www] child 120 exited on signal 4 (SIGILL - core dumped) after 0.364534 seconds from start"
    line = JournalLine(host.machine.now, "php-fpm", FPM, said)
    mute = dataclasses.replace(host, journal=(*host.journal, line))
    (finding,) = diagnosis.diagnose(mute)
    assert (finding.cause, finding.evidence[0].source) == ("worker-segfault", f"journal:{FPM}")
    quoted = dataclasses.replace(line, message=f"a script prints {said}")
    assert found(dataclasses.replace(host, journal=(*host.journal, quoted))) == [("worker-killed", SOCKET)]


def test_a_log_that_keeps_silent_of_dying_workers_is_named() -> None:
    host = with_log(BAD, NGINX_LOG, RESET)
    assert "log_level" not in str(diagnosis.diagnose(host)[0].advice)
    quiet = host.with_file(MAIN, host.files[MAIN].data.replace(b"[global]", b"[global]\nlog_level = error"))
    assert "log_level = error" in str(diagnosis.diagnose(quiet)[0].advice)


# --- the chain of timeouts ---


def chain(*lines: str, nginx: str = "") -> str:
    host = with_pool(BAD, *lines)
    if nginx:
        host = edited(host, "/etc/nginx/sites-available/shop", "fastcgi_pass", f"{nginx}\nfastcgi_pass")
    assert not isinstance(host.fpm_versions, Unknown)
    (at,) = every(host.fpm_versions)
    return timeouts.broken(host, at)


@pytest.mark.parametrize(
    ("lines", "nginx", "said"),
    [
        (("request_terminate_timeout = 62s",), "", ""),
        (("request_terminate_timeout = 65s",), "", ""),
        (("request_terminate_timeout = 66s",), "", "at most 65 s"),
        ((), "", "Nothing ends a request of pool www that waits: nginx gives up after 60 s"),
        (("request_terminate_timeout = 62s",), "fastcgi_read_timeout 10s;", "nginx gives up after 10 s"),
        (("request_terminate_timeout = 120s",), "fastcgi_read_timeout 2m;", ""),
        (("request_terminate_timeout = 20s",), "", "max_execution_time is 30 s"),
        (("request_terminate_timeout = 20s", "php_admin_value[max_execution_time] = 15"), "", ""),
        (("request_terminate_timeout = 20s", "php_value[max_execution_time] = 0"), "", ""),
        ((), "fastcgi_read_timeout 500ms;", ""),
    ],
)  # fmt: skip
def test_a_broken_chain_of_timeouts_is_told(lines: tuple[str, ...], nginx: str, said: str) -> None:
    told = chain(*lines, nginx=nginx)
    assert said in told
    assert bool(told) is bool(said)


def slow_one(host: Snapshot) -> Finding:
    return next(one for one in diagnosis.diagnose(host) if one.cause in ("slow-upstream", "request-terminated"))


@pytest.mark.parametrize("fault", ["slow-upstream", "request-terminated"])
def test_slow_requests_come_with_the_chain_of_their_pool(fault: str) -> None:
    assert re.search(
        r"request_terminate_timeout .*pool www|pool www .*request_terminate", str(slow_one(snapshot(fault)).advice)
    )


def test_an_app_has_no_such_chain() -> None:
    line = f"{{now}} [error] 7#7: *1 upstream timed out (110: Connection timed out) while reading upstream, {TO_API}\n"
    finding = slow_one(failing(with_log(STALE, NGINX_LOG, line)))
    assert finding.subject == "127.0.0.1:8001"
    assert "request_terminate_timeout" not in str(finding.advice)
