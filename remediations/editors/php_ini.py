"""Read php.ini and its conf.d files as PHP loads them, for the few settings that decide what a worker may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from remediations.editors.fpm_pool import Located, Setting
from remediations.editors.ini_scanner import Entry, scan
from remediations.errors import EditError

T = TypeVar("T")

_MIB = 1024 * 1024
_FACTORS = {"k": 1024, "m": _MIB, "g": 1024 * _MIB}
_QUANTITY = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|\d+)")


@dataclass(frozen=True)
class PhpIni:
    """The settings in force; sizes in bytes, -1 where there is no limit, 0 where the extension is not loaded or is off.

    `broken` holds PHP's complaints: behind a syntax error PHP reads no further in that file and starts all the same.
    """

    memory_limit: Setting[int]
    max_execution_time: Setting[int]
    opcache_enable: Setting[bool]
    opcache_memory_consumption: Setting[int]
    opcache_jit_buffer_size: Setting[int]
    apc_shm_size: Setting[int]
    broken: tuple[str, ...]


def load_php_ini(files: Iterable[tuple[str, bytes]]) -> PhpIni:
    """The settings of php.ini and conf.d/*.ini given in the order in which PHP loads them: the last value wins.

    Keys know case here, unlike in a pool. Settings under `[PATH=…]` and `[HOST=…]` hold for some requests only and
    are left out.
    """
    entries: dict[str, Located] = {}
    loaded: set[str] = set()
    broken: list[str] = []
    for file, data in files:
        _read(file, data, entries, loaded, broken)
    enabled = _setting(entries, "opcache.enable", "1", _truth)
    opcache, apcu = "opcache" in loaded and enabled.value, "apcu" in loaded
    return PhpIni(
        memory_limit=_setting(entries, "memory_limit", "128M", quantity),
        max_execution_time=_setting(entries, "max_execution_time", "30", quantity),
        opcache_enable=Setting(opcache, enabled.source, enabled.known),
        opcache_memory_consumption=_sized(opcache, entries, "opcache.memory_consumption", "128", _opcache_size),
        opcache_jit_buffer_size=_sized(
            opcache and _jit_is_allowed(entries), entries, "opcache.jit_buffer_size", "0", quantity
        ),
        apc_shm_size=_sized(apcu, entries, "apc.shm_size", "32M", _apc_size),
        broken=tuple(broken),
    )


def quantity(text: str) -> int:
    """A size as PHP reads it: `128M`, `-1`, `0x10k`; what is no number counts as 0, an unknown suffix as none."""
    match = _QUANTITY.match(text)
    if match is None:
        return 0
    digits = match[2].lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits.startswith("0") else 10)
    number = int(digits[2:] if base in (16, 2) or digits.startswith("0o") else digits, base)
    return (-number if match[1] == "-" else number) * _FACTORS.get(text.rstrip()[-1].lower(), 1)


def _read(file: str, data: bytes, entries: dict[str, Located], loaded: set[str], broken: list[str]) -> None:
    for_all_requests = True
    try:
        for statement in scan(data, file):
            if not isinstance(statement, Entry):
                for_all_requests = not statement.name.upper().startswith((b"PATH=", b"HOST="))
            elif for_all_requests and statement.value is not None and statement.offset is None:
                located = Located(file, statement, len(entries))
                key = statement.key.decode("utf-8", "surrogateescape")
                if key.lower() in ("extension", "zend_extension"):
                    loaded.add(_extension(statement.value))
                else:
                    entries[key] = located
    except EditError as error:
        broken.append(str(error))


def _extension(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape").rpartition("/")[2].removesuffix(".so")


def _setting(entries: dict[str, Located], key: str, default: str, convert: Callable[[str], T]) -> Setting[T]:
    located = entries.get(key)
    if located is None:
        return Setting(convert(default))
    if not located.entry.evaluated:
        return Setting(convert(default), located, known=False)
    return Setting(convert((located.entry.value or b"").decode("utf-8", "surrogateescape")), located)


def _sized(
    is_loaded: bool, entries: dict[str, Located], key: str, default: str, convert: Callable[[str], int]
) -> Setting[int]:
    return _setting(entries, key, default, convert) if is_loaded else Setting(0)


def _jit_is_allowed(entries: dict[str, Located]) -> bool:
    return _setting(entries, "opcache.jit", "tracing", str.lower).value != "disable"


def _truth(text: str) -> bool:
    return text.lower() in ("true", "yes", "on") or quantity(text) != 0


def _opcache_size(text: str) -> int:
    """Given in MiB whatever suffix it carries; OPcache takes no less than 8."""
    digits = re.match(r"\s*\d+", text)
    return max(8, int(digits[0]) if digits else 0) * _MIB


def _apc_size(text: str) -> int:
    """APCu takes a number below 1 MiB for MiB, as it once was."""
    size = quantity(text)
    return size * _MIB if 0 < size < _MIB else size
