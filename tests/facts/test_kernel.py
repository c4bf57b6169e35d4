"""Whom the kernel killed for want of memory, as the journal and the kernel's own ring tell it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remediations.facts import kernel
from remediations.facts.base import Unknown
from remediations.facts.kernel import Kills

CHOSEN = (
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    "task_memcg=/system.slice/php8.2-fpm.service,task=php-fpm8.2,pid=7514,uid=33"
)
KILLED = "Out of memory: Killed process 7514 (php-fpm8.2) total-vm:398252kB, anon-rss:56400kB, UID:33"


def read(text: str) -> Kills:
    found = kernel.parse(text.encode())
    assert not isinstance(found, Unknown)
    return found


def test_the_lines_about_one_process_are_one_kill() -> None:
    (kill,) = read(f"j 1764290453.5 web1 kernel: {CHOSEN}\nj 1764290453.6 web1 kernel: {KILLED}\n")
    assert (kill.pid, kill.name, kill.unit, kill.limited) == (7514, "php-fpm8.2", "php8.2-fpm.service", False)
    assert (kill.time, kill.since_boot, kill.text) == (1764290453.6, False, KILLED)


@pytest.mark.parametrize("stamp", ["[ 1228.495968]", "<6>[ 1228.495968]", "[ 1228.495968][T77]"])
def test_the_ring_counts_from_the_start_of_the_machine(stamp: str) -> None:
    (kill,) = read(f"d {stamp} Memory cgroup out of memory: Killed process 7 (a (b) c) total-vm:1kB\n")
    assert (kill.time, kill.since_boot, kill.name, kill.limited) == (1228.495968, True, "a (b) c", True)


def test_a_kernel_before_5_0_says_less() -> None:
    (kill,) = read("d [ 1.5] Killed process 9 (mysqld) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n")
    assert (kill.pid, kill.name, kill.unit, kill.limited) == (9, "mysqld", None, None)


@pytest.mark.parametrize("line", ["j x web1 kernel: Killed process 9 (a) total-vm", "d Killed process 9 (a)", "z", ""])
def test_what_is_no_line_of_the_kernel_is_no_kill(line: str) -> None:
    assert read(f"{line}\n") == ()


def test_the_fragment_is_answered_by_this_machine() -> None:
    done = subprocess.run(["sh", "-c", kernel.FACT.script], capture_output=True, check=False, timeout=20)
    assert done.returncode in (0, 3)
    counted = "\noom_kill 0\n" in Path("/proc/vmstat").read_text()
    assert not (counted and done.stdout)
