"""A PHP-FPM pool as PHP-FPM understands it: each value typed, with the entry it comes from or PHP-FPM's own default.

The rules (defaults, integers, times, `$pool`, relative paths, what `pm` makes of the spare servers) are those of
php-fpm's own source and agree with what `php-fpm -tt` prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from remediations.editors.ini_scanner import Entry
from remediations.errors import EditError

T = TypeVar("T")
U = TypeVar("U")

_PHP_NAMES = {b"php_value": False, b"php_flag": False, b"php_admin_value": True, b"php_admin_flag": True}
_FACTORS = {b"s": 1, b"m": 60, b"h": 3600, b"d": 86400}


@dataclass(frozen=True)
class Located:
    """An entry, the file that it stands in, and how many entries are read before it."""

    file: str
    entry: Entry
    order: int = 0

    @property
    def line(self) -> int:
        return self.entry.line

    def refused(self, problem: str) -> EditError:
        return EditError(f"{self.file}:{self.line}: {self.entry.key.decode(errors='replace')} {problem}")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A value and where it comes from: an entry of a file, or (`source` is None) PHP-FPM itself.

    `known` is False where the entry holds an expression that only PHP can evaluate; `value` is then the default.
    """

    value: T
    source: Located | None = None
    known: bool = True

    @property
    def is_default(self) -> bool:
        return self.source is None


@dataclass(frozen=True)
class PhpValue:
    """`php_value[key]`, or with `admin` `php_admin_value[key]`; a flag's value is "1" or "0"."""

    key: str
    value: str
    admin: bool
    source: Located


@dataclass(frozen=True)
class Pool:
    """One pool; `entries` has the entry that is in force for each key (in small letters) that the files set."""

    name: str
    entries: Mapping[str, Located]
    listen: Setting[str | None]
    listen_backlog: Setting[int]
    listen_owner: Setting[str | None]
    listen_group: Setting[str | None]
    listen_mode: Setting[str | None]
    listen_acl_users: Setting[str | None]
    listen_acl_groups: Setting[str | None]
    user: Setting[str | None]
    group: Setting[str | None]
    pm: Setting[str | None]
    max_children: Setting[int]
    start_servers: Setting[int]
    min_spare_servers: Setting[int]
    max_spare_servers: Setting[int]
    max_requests: Setting[int]
    process_idle_timeout: Setting[int]
    request_terminate_timeout: Setting[int]
    request_slowlog_timeout: Setting[int]
    slowlog: Setting[str | None]
    status_path: Setting[str | None]
    status_listen: Setting[str | None]
    ping_path: Setting[str | None]
    chroot: Setting[str | None]
    php_values: tuple[PhpValue, ...]

    def php(self, key: str) -> PhpValue | None:
        """What the pool makes of a php.ini setting, or None where it leaves it alone.

        PHP-FPM keeps these lists last first and applies each in turn: so of two equal keys the FIRST wins (seen on
        8.2), and an admin value wins over a plain one wherever they stand.
        """
        found = [one for one in self.php_values if one.key == key]
        return min(found, key=lambda one: not one.admin, default=None)


@dataclass(frozen=True)
class GlobalSettings:
    """What `[global]` and the lines before any section say; times are seconds, process_max 0 is no limit."""

    entries: Mapping[str, Located]
    pid: Setting[str | None]
    error_log: Setting[str | None]
    log_level: Setting[str | None]
    process_max: Setting[int]
    process_control_timeout: Setting[int]
    emergency_restart_threshold: Setting[int]
    emergency_restart_interval: Setting[int]
    daemonize: Setting[bool]


def global_settings(found: Sequence[Located]) -> GlobalSettings:
    read = _Reader(found, None, "/var")
    return GlobalSettings(
        entries=read.entries,
        pid=read.path("pid"),
        error_log=read.path("error_log", default="/var/log/php-fpm.log", words=("syslog",)),
        log_level=read.text("log_level"),
        process_max=read.integer("process.max"),
        process_control_timeout=read.time("process_control_timeout"),
        emergency_restart_threshold=read.integer("emergency_restart_threshold"),
        emergency_restart_interval=read.time("emergency_restart_interval"),
        daemonize=read.boolean("daemonize", default=True),
    )


def pool(name: bytes, found: Sequence[Located], prefix: str) -> Pool:
    """The pool of that name from all its entries in the order in which PHP-FPM reads them."""
    own_prefix = _Reader(found, name, prefix).path("prefix").value
    read = _Reader(found, name, own_prefix or prefix)
    pm = read.setting("pm", None, _process_manager)
    start, least, most = _spare_servers(read, pm.value)
    return Pool(
        name=_decoded(name),
        entries=read.entries,
        listen=read.setting("listen", None, read.listen_address),
        listen_backlog=read.integer("listen.backlog", default=-1),
        listen_owner=read.text("listen.owner"),
        listen_group=read.text("listen.group"),
        listen_mode=read.text("listen.mode"),
        listen_acl_users=read.text("listen.acl_users"),
        listen_acl_groups=read.text("listen.acl_groups"),
        user=read.text("user"),
        group=read.text("group"),
        pm=pm,
        max_children=read.integer("pm.max_children"),
        start_servers=start,
        min_spare_servers=least,
        max_spare_servers=most,
        max_requests=read.integer("pm.max_requests"),
        process_idle_timeout=read.time("pm.process_idle_timeout", default=10),
        request_terminate_timeout=read.time("request_terminate_timeout"),
        request_slowlog_timeout=read.time("request_slowlog_timeout"),
        slowlog=read.path("slowlog"),
        status_path=read.text("pm.status_path"),
        status_listen=read.text("pm.status_listen"),
        ping_path=read.text("ping.path"),
        chroot=read.text("chroot"),
        php_values=read.php_values(),
    )


def _spare_servers(read: _Reader, pm: str | None) -> tuple[Setting[int], Setting[int], Setting[int]]:
    """start, min and max as PHP-FPM uses them: ondemand forces 0, dynamic works out a start that is not set."""
    start, least, most = (
        read.integer(f"pm.{key}") for key in ("start_servers", "min_spare_servers", "max_spare_servers")
    )
    if pm == "ondemand":
        return Setting(0), Setting(0), Setting(0)
    if pm == "dynamic" and start.known and start.value <= 0:
        return Setting(least.value + (most.value - least.value) // 2), least, most
    return start, least, most


class _Reader:
    """The entries of one section, and how PHP-FPM reads each kind of value."""

    def __init__(self, found: Sequence[Located], name: bytes | None, prefix: str) -> None:
        self._found, self._name, self._prefix = found, name, prefix
        self._all: dict[str, list[Located]] = {}
        for one in found:
            if one.entry.offset is None:
                self._all.setdefault(_decoded(one.entry.key.lower()), []).append(one)
        self.entries = {key: every[-1] for key, every in self._all.items()}

    def setting(self, key: str, default: U, convert: Callable[[Located], U]) -> Setting[U]:
        """The last entry is in force, but PHP-FPM looks at each of them and refuses to start over any."""
        found = Setting(default)
        for located in self._all.get(key, ()):
            known = located.entry.evaluated
            found = Setting(convert(located) if known else default, located, known)
        return found

    def text(self, key: str) -> Setting[str | None]:
        return self.setting(key, None, self._text)

    def path(self, key: str, *, default: str | None = None, words: tuple[str, ...] = ()) -> Setting[str | None]:
        return self.setting(key, default, lambda located: self._absolute(self._text(located), words))

    def integer(self, key: str, *, default: int = 0) -> Setting[int]:
        return self.setting(key, default, integer)

    def time(self, key: str, *, default: int = 0) -> Setting[int]:
        return self.setting(key, default, _seconds)

    def boolean(self, key: str, *, default: bool) -> Setting[bool]:
        return self.setting(key, default, _boolean)

    def listen_address(self, located: Located) -> str | None:
        address = self._text(located)
        return address if ":" in address or address.isdigit() else self._absolute(address, ())

    def php_values(self) -> tuple[PhpValue, ...]:
        return tuple(
            PhpValue(_decoded(one.entry.offset), self._php_text(one), _PHP_NAMES[one.entry.key], one)
            for one in self._found
            if one.entry.offset is not None and one.entry.key in _PHP_NAMES
        )

    def _php_text(self, located: Located) -> str:
        if located.entry.key.endswith(b"_flag"):
            return "1" if _boolean(located) else "0"
        return self._text(located)

    def _text(self, located: Located) -> str:
        value = located.entry.value or b""
        if self._name is None or b"$pool" in self._name:
            return _decoded(value)
        return _decoded(value.replace(b"$pool", self._name))

    def _absolute(self, path: str, words: tuple[str, ...]) -> str:
        return path if not path or path.startswith("/") or path.lower() in words else f"{self._prefix}/{path}"


def integer(located: Located) -> int:
    value = located.entry.value or b""
    if not re.fullmatch(rb"-?\d*", value):
        raise located.refused(f"is not a number: {value.decode(errors='replace')!r}")
    return _leading_number(value)


def _seconds(located: Located) -> int:
    value = located.entry.value or b""
    if not re.search(rb"[smhd0-9]\Z", value):
        raise located.refused(f"is not a time: {value.decode(errors='replace')!r}")
    return _leading_number(value) * _FACTORS.get(value[-1:], 1)


def _boolean(located: Located) -> bool:
    if located.entry.value not in (b"1", b""):
        raise located.refused("is neither yes nor no")
    return located.entry.value == b"1"


def _process_manager(located: Located) -> str | None:
    value = _decoded((located.entry.value or b"").lower())
    if value not in ("static", "dynamic", "ondemand"):
        raise located.refused(f"is neither static nor dynamic nor ondemand: {value!r}")
    return value


def _leading_number(value: bytes) -> int:
    """C's atoi."""
    match = re.match(rb"[ \t]*([+-]?\d+)", value)
    return int(match[1]) if match else 0


def _decoded(value: bytes | None) -> str:
    """Paths and names of a host as Python's own file functions write them; no byte is lost."""
    return (value or b"").decode("utf-8", "surrogateescape")
