"""Owners of sockets: read from what ps, ls and the kernel say, whatever a process calls itself."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess

from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.owners import FACT, Owner, parse

HOSTILE = b"""\
     57 www-data
lrwxrwxrwx 1 www-data www-data 0 Nov 28 01:00 /proc/57/cwd -> /srv/a b -> c
lrwxrwxrwx 1 www-data www-data 0 Nov 28 01:00 /proc/57/exe -> /usr/bin/php8.2
57 (php) 0 1) S 1 57 57 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 4711 1 1
"""


def test_a_name_with_brackets_and_blanks_moves_no_field() -> None:
    assert parse(HOSTILE) == {57: Owner(57, "www-data", "/usr/bin/php8.2", "/srv/a b -> c", 4711)}


def test_what_may_not_be_seen_is_empty_and_never_guessed() -> None:
    assert parse(b"     57 www-data\n") == {57: Owner(57, "www-data", "", "", 0)}


CONTAINED = b"""\
     57 www-data
     58 www-data
lrwxrwxrwx 1 root root 0 Nov 28 01:00 /proc/1/ns/mnt -> mnt:[4026531841]
lrwxrwxrwx 1 root root 0 Nov 28 01:00 /proc/57/ns/mnt -> mnt:[4026532999]
lrwxrwxrwx 1 root root 0 Nov 28 01:00 /proc/58/ns/mnt -> mnt:[4026531841]
"""


def test_a_process_in_a_container_is_told_from_one_of_the_host() -> None:
    found = parse(CONTAINED)
    assert not isinstance(found, Unknown)
    assert (found[57].apart, found[58].apart) == (True, False)


def test_a_process_that_has_ended_meanwhile_is_left_out() -> None:
    assert parse(b"lrwxrwxrwx 1 a a 0 Nov 28 01:00 /proc/57/exe -> /x\n") == {}


def test_a_real_shell_finds_this_very_process() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        done = subprocess.run(["sh", "-c", PRELUDE + FACT.script], capture_output=True, check=True, timeout=20)
    found = parse(done.stdout)
    assert not isinstance(found, Unknown)
    me = found[os.getpid()]
    assert (me.user, me.folder) == (pwd.getpwuid(os.geteuid()).pw_name, os.getcwd())
    assert me.program == os.readlink("/proc/self/exe")
    with open("/proc/self/stat", encoding="utf-8") as stat:
        assert str(me.ticks) == stat.read().rpartition(")")[2].split()[19]
