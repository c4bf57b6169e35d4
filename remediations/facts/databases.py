"""Databases on the host: what MySQL, MariaDB and Redis hold in memory, and what they may yet take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from remediations.facts.base import Fact, Unknown, fragment, lines_of

NAMES = ("mysqld", "mariadbd", "redis-server", "valkey-server")
DEFAULT_BUFFER_POOL = 128 << 20

_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class Database:
    """One server process; `rss` in bytes. `limit` is innodb_buffer_pool_size or maxmemory in bytes, None for none."""

    name: str
    rss: int
    limit: int | Unknown | None

    @property
    def kind(self) -> Literal["mysql", "redis"]:
        return "mysql" if self.name in ("mysqld", "mariadbd") else "redis"


Databases = tuple[Database, ...]


def parse(stdout: bytes) -> Databases | Unknown:
    """`NAME RSS-IN-KIB LIMIT` lines; the limit is as configured, `-` where nothing is, `? REASON` where unknown."""
    rows = (line.split(" ", 2) for line in lines_of(stdout))
    return tuple(Database(name, int(rss) * 1024, _limit(name, text.strip())) for name, rss, text in rows)


def _limit(name: str, text: str) -> int | Unknown | None:
    if text.startswith("?"):
        return Unknown(text.removeprefix("?").strip())
    if name in ("mysqld", "mariadbd"):
        return DEFAULT_BUFFER_POOL if text == "-" else _bytes(text)
    size = 0 if text == "-" else _bytes(text)
    return size or None


def _bytes(text: str) -> int | Unknown:
    """`1G`, `512M`, `256mb`; of Redis's bare `2g`, which it reads as decimal, a little more than it means."""
    match = re.fullmatch(r"\"?(\d+)([kmgt]?)(b?)\"?", text.strip(), re.IGNORECASE)
    if match is None:
        return Unknown(f"its size is not readable: {text!r}")
    return int(match[1]) * _FACTORS[match[2].lower()]


FACT: Fact[Databases] = Fact("databases", fragment("databases"), parse)
