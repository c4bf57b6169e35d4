"""Whether a site has stood: a recorded, healthy host seen twice, with one thing between that must not pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from remediations import steadiness
from remediations.facts import vitals
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswers
from remediations.facts.journal import JournalLine
from remediations.facts.logs import Log
from remediations.facts.vitals import Vital, Vitals
from remediations.host.topology import web_units
from remediations.snapshot import Snapshot
from remediations.steadiness import Check, Round, Window
from tests.builders import nginx_snapshot
from tests.causes import recorded
from tests.causes.alter import FPM, units, with_unit

ERROR_LOG = "/var/log/nginx/error.log"
FPM_LOG = "/var/log/php8.2-fpm.log"
ABOUT = ', client: 127.0.0.1, server: shop.example, request: "GET / HTTP/1.1", upstream: "fastcgi://unix:/run/x:"'


@pytest.fixture
def host() -> Snapshot:
    return recorded.snapshot("healthy")


def answers(host: Snapshot) -> HttpAnswers:
    assert not isinstance(host.answers, Unknown)
    return host.answers


def signs(host: Snapshot, oom_kills: int = 0) -> Vitals:
    return {
        unit.name: Vital(unit.name, "active/running", unit.main_pid, unit.restarts, oom_kills)
        for unit in web_units(host)
    }


def window(host: Snapshot, after: Snapshot | None = None, *rounds: Round) -> Window:
    calm = tuple(Round(at, answers(host), signs(host)) for at in (0.0, 4.0, 8.0, 12.0, 15.0))
    return Window(host, rounds or calm, after or host, 15.0)


def check(told: Window, name: str) -> Check:
    return next(one for one in told.checks if one.name == name)


def logged(host: Snapshot, path: str, *lines: str) -> Snapshot:
    assert not isinstance(host.logs, Unknown)
    old = host.logs.get(path) or Log(path, b"", cut=False)
    data = old.data.rstrip(b"\n") + "".join(f"\n{line}" for line in lines).encode()
    return replace(host, logs={**host.logs, path: Log(path, data.lstrip(b"\n"), cut=False)})


def at(host: Snapshot, seconds: float, form: str = "%Y/%m/%d %H:%M:%S") -> str:
    assert host.machine.utc_offset == "+0000"
    return datetime.fromtimestamp(host.machine.now + seconds, UTC).strftime(form)


def complaint(host: Snapshot, seconds: float, level: str = "error", message: str = "upstream timed out") -> str:
    return f"{at(host, seconds)} [{level}] 1#1: *1 {message}{ABOUT}"


def test_a_host_that_stays_as_it_is_passes_every_check(host: Snapshot) -> None:
    told = window(host)
    assert [one.ok for one in told.checks] == [True] * 5, told.checks
    assert steadiness.failed(told.checks) is None
    assert told.health.ok is True
    assert "7 good ones to each of" in check(told, "answers").text


def test_one_bad_answer_among_many_is_enough_and_says_when(host: Snapshot) -> None:
    bad = tuple(replace(answer, status=502) for answer in answers(host))
    told = window(host, None, Round(0.0, answers(host), signs(host)), Round(4.0, bad, signs(host)))
    assert told.health.ok is False
    assert check(told, "answers").ok is False
    assert check(told, "answers").text.endswith("status 502, after 4 s")


def test_an_empty_body_is_no_good_answer(host: Snapshot) -> None:
    empty = tuple(replace(answer, status=200, size=0) for answer in answers(host))
    assert check(window(host, None, Round(0.0, empty, signs(host))), "answers").ok is False


def test_fewer_than_five_answers_prove_nothing(host: Snapshot) -> None:
    told = window(host, None, Round(0.0, answers(host), signs(host)))
    assert (check(told, "answers").ok, told.health.ok) == (None, True)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"main_pid": 99_999}, "another main process (99999 instead of"),
        ({"restarts": 3}, "restarted by systemd (3 times)"),
        ({"active_state": "failed", "sub_state": "failed"}, f"{FPM} is failed/failed"),
        ({"active_state": "activating", "sub_state": "auto-restart"}, "activating/auto-restart"),
    ],
)
def test_a_unit_that_changed_at_the_last_look_did_not_stand(
    host: Snapshot, changed: dict[str, object], words: str
) -> None:
    told = check(window(host, with_unit(host, **changed)), "units")
    assert told.ok is False
    assert words in told.text


def test_a_unit_that_died_between_the_looks_did_not_stand_either(host: Snapshot) -> None:
    died = {**signs(host), FPM: Vital(FPM, "failed/failed", 0, 0)}
    told = window(host, None, Round(0.0, answers(host), signs(host)), Round(4.0, answers(host), died))
    assert check(told, "units").text == f"{FPM} is failed/failed"


def test_a_unit_that_is_gone_is_no_steady_one(host: Snapshot) -> None:
    left = {name: unit for name, unit in units(host).items() if name != FPM}
    assert check(window(host, replace(host, units=left)), "units").ok is False


def test_an_address_without_a_listener_fails_though_another_server_answers(host: Snapshot) -> None:
    assert not isinstance(host.sockets, Unknown)
    deaf = replace(host, sockets=tuple(one for one in host.sockets if one.port != 8001))
    told = check(window(host, deaf), "listeners")
    assert (told.ok, told.text) == (False, "nobody listens at 127.0.0.1:8001, where nginx passes to")


@pytest.mark.parametrize(
    ("seconds", "level", "message", "ok"),
    [
        (3, "error", "upstream timed out (110: Connection timed out)", False),
        (3, "crit", "connect() to unix:/run/x failed (2: No such file or directory)", False),
        (3, "error", 'FastCGI sent in stderr: "PHP message: PHP Fatal error:  Uncaught"', False),
        (3, "error", 'FastCGI sent in stderr: "PHP message: PHP Warning:  x"', True),
        (3, "warn", "an upstream response is buffered", True),
        (-30, "error", "upstream timed out (110: Connection timed out)", True),
    ],
)
def test_what_nginx_says_of_a_backend_within_the_time_counts(
    host: Snapshot, seconds: float, level: str, message: str, ok: bool
) -> None:
    told = window(host, logged(host, ERROR_LOG, complaint(host, seconds, level, message)))
    assert check(told, "logs").ok is ok, check(told, "logs")


def test_what_was_there_in_the_second_of_the_first_look_is_not_new(host: Snapshot) -> None:
    line = complaint(host, -host.machine.now % 1 - 1)  # in the same second, before it
    before = logged(host, ERROR_LOG, line)
    assert check(window(before), "logs").ok is True
    assert check(window(host, before), "logs").ok is False


def test_what_nginx_says_of_itself_counts_but_not_what_a_reload_leaves_behind(host: Snapshot) -> None:
    def said(message: str) -> bool | None:
        line = f"{at(host, 2)} [alert] 1#1: {message}"
        return check(window(host, logged(host, ERROR_LOG, line)), "logs").ok

    assert said("worker process 7 exited on signal 9") is False
    assert said("*9 open socket #3 left in connection 5") is True


@pytest.mark.parametrize(
    ("words", "ok"),
    [
        ("WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 1 seconds from start", False),
        ("WARNING: [pool www] server reached pm.max_children setting (5), consider raising it", False),
        ("ERROR: unable to bind listening socket", False),
        ("NOTICE: ready to handle connections", True),
        ("WARNING: [pool www] seems busy", True),
    ],
)
def test_what_php_fpm_says_counts_too(host: Snapshot, words: str, ok: bool) -> None:
    line = f"[{at(host, 3, '%d-%b-%Y %H:%M:%S')}] {words}"
    assert check(window(host, logged(host, FPM_LOG, line)), "logs").ok is ok


def test_want_of_memory_is_told_by_the_journal_and_by_the_kernels_count(host: Snapshot) -> None:
    line = JournalLine(host.machine.now + 1, "systemd", FPM, f"{FPM}: A process was killed by the OOM killer.")
    assert check(window(host, replace(host, journal=(line,))), "memory").ok is False
    old = replace(line, time=host.machine.now - 60)
    assert check(window(host, replace(host, journal=(old,))), "memory").ok is True
    rounds = [Round(at, answers(host), signs(host, oom_kills=kills)) for at, kills in ((0.0, 4), (4.0, 4), (8.0, 5))]
    assert check(window(host, None, *rounds[:2]), "memory").ok is True
    assert FPM in check(window(host, None, *rounds), "memory").text


def test_what_cannot_be_looked_at_is_neither_good_nor_bad(host: Snapshot) -> None:
    hidden = Unknown("not for you")
    blind = replace(host, sockets=hidden, logs=hidden, journal=hidden)
    told = window(host, blind, *(Round(float(n), answers(host), hidden) for n in range(5)))
    assert {one.name: one.ok for one in told.checks} == {
        "answers": True, "units": None, "listeners": None, "logs": None, "memory": None,
    }  # fmt: skip
    assert {one.text for one in told.checks if one.ok is None} == {"not for you"}


CONF = b"""events{}
http { upstream a { server 127.0.0.1:1%s; server 127.0.0.1:2%s; } upstream b { server 127.0.0.1:3 fail_timeout=99s; } }
"""


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        (b"", b"", 15),
        (b" fail_timeout=30s", b"", 32),
        (b" fail_timeout=30s max_fails=0", b"", 15),
        (b" fail_timeout=30s down", b"", 15),
        (b"", b" fail_timeout=1h", 300),
    ],
)
def test_it_is_watched_until_nginx_would_ask_a_failed_server_again(first: bytes, second: bytes, seconds: float) -> None:
    assert steadiness.seconds(nginx_snapshot({"/etc/nginx/nginx.conf": CONF % (first, second)})) == seconds


def test_vital_signs_are_read_from_what_systemctl_and_the_kernel_print() -> None:
    text = (
        b"Id=a@1.service\nMainPID=7\nNRestarts=2\nActiveState=active\nSubState=running\n\n"
        b"Id=b.service\nMainPID=0\nActiveState=failed\nSubState=failed\n\noom a@1.service 3\n"
    )
    assert vitals.parse(text) == {
        "a@1.service": Vital("a@1.service", "active/running", 7, 2, 3),
        "b.service": Vital("b.service", "failed/failed", 0, 0, None),
    }
