"""What PHP-FPM's workers do: the shell's two looks at real processes, and what is made of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediations.facts import work
from remediations.facts.base import Answer, Unknown
from tests.patience import eventually

# Recorded on a real host: one worker waits for a database, one answers a request over TCP and computes.
ANSWER = b"""\
t 100.00
p 55 stat 55 (php-fpm8.2) S 54 54 54 0 -1 4194624 172 0 0 0 3 1 0 0 20 0 1 0 67828 206475264 2258 1 1 0
p 55 status voluntary_ctxt_switches:	2
p 55 wchan wait_woken
p 100 stat 100 (php-fpm8.2) R 54 54 54 0 -1 4194624 187 0 0 0 70 2 0 0 20 0 1 0 67928 206475264 2327 1 1 0
p 100 status voluntary_ctxt_switches:	1
p 100 wchan 0
t 100.40
p 55 stat 55 (php-fpm8.2) S 54 54 54 0 -1 4194624 172 0 0 0 3 1 0 0 20 0 1 0 67828 206475264 2258 1 1 0
p 55 status voluntary_ctxt_switches:	2
p 55 wchan wait_woken
p 100 stat 100 (php-fpm8.2) R 54 54 54 0 -1 4194624 187 0 0 0 90 2 0 0 20 0 1 0 67928 206475264 2327 1 1 0
p 100 status voluntary_ctxt_switches:	9
p 100 wchan 0
u /run/php/php8.2-fpm.sock * (("php-fpm8.2",pid=55,fd=5))
u * * (("php-fpm8.2",pid=55,fd=4),("php-fpm8.2",pid=100,fd=4))
c 127.0.0.1:40000 127.0.0.1:3306 users:(("php-fpm8.2",pid=55,fd=6))
c 127.0.0.1:9000 127.0.0.1:50000 users:(("php-fpm8.2",pid=100,fd=6))
"""


def test_two_looks_tell_who_waits_and_who_computes() -> None:
    found = work.parse(ANSWER)
    assert not isinstance(found, Unknown)
    waits, computes = found[55], found[100]
    assert (waits.asleep, waits.moved, waits.computes, waits.wait) == (True, False, False, "wait_woken")
    assert waits.connections == (("/run/php/php8.2-fpm.sock", "*"), ("127.0.0.1:40000", "127.0.0.1:3306"))
    assert (computes.asleep, computes.moved, computes.computes) == (False, True, True)
    assert (round(computes.busy, 2), round(computes.seconds, 2)) == (0.2, 0.4)


def test_a_worker_that_has_ended_between_the_looks_is_left_out() -> None:
    gone = ANSWER.replace(b"t 100.40\np 55", b"t 100.40\np 56", 1)
    found = work.parse(gone)
    assert not isinstance(found, Unknown)
    assert set(found) == {55, 100}  # its other two lines are still there
    lines = ANSWER.split(b"t 100.40\n")
    later = b"\n".join(line for line in lines[1].split(b"\n") if not line.startswith(b"p 55"))
    found = work.parse(lines[0] + b"t 100.40\n" + later)
    assert not isinstance(found, Unknown)
    assert set(found) == {100}


@pytest.mark.parametrize("answer", [b"", b"t 1.0\n", b"no\n"])
def test_what_was_not_looked_at_twice_is_unknown(answer: bytes) -> None:
    assert isinstance(work.parse(answer), Unknown)


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def worker() -> Iterator[int]:
    process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.parametrize("shell", ["dash", "sh", "bash"])
def test_the_shell_looks_at_real_processes(shell: str, sleeper: int, worker: int) -> None:
    fact = work.fact([sleeper, worker, 999999])
    done = subprocess.run([shell, "-c", fact.script], capture_output=True, check=False)
    found = fact.read(Answer(done.returncode, done.stdout))
    assert not isinstance(found, Unknown), (found, done)
    assert set(found) == {sleeper, worker}
    assert (found[sleeper].asleep, found[sleeper].moved, found[sleeper].computes) == (True, False, False)
    assert found[worker].computes
    assert 0.3 < found[sleeper].seconds < 5


@pytest.fixture
def acceptor() -> Iterator[int]:
    """It waits for a request, as an idle worker of PHP-FPM does."""
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print('.', flush=True); s.accept()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.communicate()


def asked(pids: list[int], *maybe: list[int]) -> work.Works | Unknown:
    fact = work.fact(pids, maybe)
    done = subprocess.run(["dash", "-c", fact.script], capture_output=True, check=False)
    return fact.read(Answer(done.returncode, done.stdout))


def test_a_group_is_looked_at_only_where_none_of_it_is_idle(acceptor: int, sleeper: int) -> None:
    eventually(lambda: "accept" in Path(f"/proc/{acceptor}/wchan").read_text())
    assert asked([], [acceptor, sleeper]) == {}
    found = asked([], [acceptor], [sleeper])
    assert not isinstance(found, Unknown)
    assert set(found) == {sleeper}
    both = asked([acceptor], [sleeper])
    assert not isinstance(both, Unknown)
    assert set(both) == {acceptor, sleeper}
