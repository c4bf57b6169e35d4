"""What the host says of its databases, and what is made of it."""

from __future__ import annotations

import subprocess

import pytest

from remediations.facts import databases
from remediations.facts.base import Unknown
from remediations.facts.databases import Database

MIB = 1 << 20


def test_limits_are_read_as_they_are_configured() -> None:
    assert databases.parse(b"mariadbd 204800 1G\nmysqld 1024 134217728\nredis-server 2048 256mb\n") == (
        Database("mariadbd", 200 * MIB, 1024 * MIB),
        Database("mysqld", MIB, 128 * MIB),
        Database("redis-server", 2 * MIB, 256 * MIB),
    )


def test_what_is_not_configured_is_mysqls_default_and_no_limit_for_redis() -> None:
    assert databases.parse(b"mariadbd 1024 -\nredis-server 1024 -\nvalkey-server 1024 0\n") == (
        Database("mariadbd", MIB, 128 * MIB),
        Database("redis-server", MIB, None),
        Database("valkey-server", MIB, None),
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"mysqld 1024 ? /etc/mysql/my.cnf may not be read\n", "/etc/mysql/my.cnf may not be read"),
        (b"mysqld 1024 lots\n", "its size is not readable: 'lots'"),
    ],
)
def test_what_cannot_be_read_is_unknown_not_zero(line: bytes, reason: str) -> None:
    assert databases.parse(line) == (Database("mysqld", MIB, Unknown(reason)),)


def test_no_database_is_an_answer() -> None:
    assert databases.parse(b"") == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[mysqld]\ninnodb_buffer_pool_size = 64M\n", "64M"),
        ("[mysqld]\n  innodb-buffer-pool-size=1G # half\n", "1G"),
        ("[mysqld]\n#innodb_buffer_pool_size=1G\n", "-"),
        ("innodb_buffer_pool_size=1G\ninnodb_buffer_pool_size=2G\n", "2G"),
        ("innodb_buffer_pool_size_max=3G\n", "-"),
    ],
)
def test_the_last_value_that_is_no_comment_counts(tmp_path: object, text: str, answer: str) -> None:
    assert _limit(f"{tmp_path}/my.cnf", text, "mysqld --user=mysql") == answer


def test_the_command_line_counts_more_than_the_files(tmp_path: object) -> None:
    arguments = "mysqld --innodb-buffer-pool-size=5G"
    assert _limit(f"{tmp_path}/my.cnf", "innodb_buffer_pool_size=1G\n", arguments) == "5G"


def _limit(path: str, text: str, arguments: str) -> str:
    """The fragment's own function, asked by a real shell."""
    with open(path, "w") as file:
        file.write(text)
    functions = databases.FACT.script.partition("\nps ")[0]
    call = 'limit "innodb[-_]buffer[-_]pool[-_]size" "$1" "$2"'
    ran = subprocess.run(
        ["sh", "-c", f"{functions}\n{call}", "sh", arguments, path], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()
