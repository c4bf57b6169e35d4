"""php.ini is read as PHP loads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from remediations.editors.ini_scanner import Entry, scan
from remediations.editors.php_fpm import load_php_ini
from remediations.editors.php_ini import quantity

MIB = 1024 * 1024
_SHIPPED = ("usr/lib/php/8.2/php.ini-*", "usr/share/php8.2-*/*/*.ini", "etc/php/8.2/**/*.ini")
_PARSE = "echo json_encode(parse_ini_file($argv[1], false, INI_SCANNER_NORMAL));"
_QUANTITY = "foreach (array_slice($argv, 1) as $one) echo @ini_parse_quantity($one), PHP_EOL;"


def test_without_any_file_phps_own_defaults_hold_and_no_extension_is_loaded() -> None:
    found = load_php_ini([])
    assert (found.memory_limit.value, found.max_execution_time.value) == (128 * MIB, 30)
    assert found.memory_limit.is_default
    assert not found.opcache_enable.value
    assert (found.opcache_memory_consumption.value, found.apc_shm_size.value) == (0, 0)


def test_the_last_file_wins_and_the_source_says_which() -> None:
    found = load_php_ini([("php.ini", b"memory_limit = 128M\n"), ("conf.d/99.ini", b"[PHP]\nmemory_limit = -1\n")])
    assert found.memory_limit.value == -1
    assert found.memory_limit.source is not None
    assert (found.memory_limit.source.file, found.memory_limit.source.line) == ("conf.d/99.ini", 2)


def test_keys_know_case() -> None:
    assert load_php_ini([("php.ini", b"Memory_Limit = 1M\n")]).memory_limit.value == 128 * MIB


def test_opcache_and_apcu_count_where_they_are_loaded() -> None:
    ini = b"opcache.memory_consumption = 192M\nopcache.jit_buffer_size=64M\napc.shm_size = 48\n"
    unloaded = load_php_ini([("php.ini", ini)])
    assert (unloaded.opcache_memory_consumption.value, unloaded.opcache_jit_buffer_size.value) == (0, 0)
    loading = b"zend_extension=opcache.so\nextension=/usr/lib/php/apcu.so\n"
    loaded = load_php_ini([("php.ini", ini), ("10.ini", loading)])
    assert loaded.opcache_enable.value
    assert loaded.opcache_memory_consumption.value == 192 * MIB
    assert loaded.opcache_jit_buffer_size.value == 64 * MIB
    assert loaded.apc_shm_size.value == 48 * MIB
    tiny = load_php_ini([("php.ini", b"zend_extension=opcache\nopcache.memory_consumption=2\n")])
    assert tiny.opcache_memory_consumption.value == 8 * MIB
    off = load_php_ini(
        [("php.ini", ini), ("10.ini", loading), ("20.ini", b"opcache.enable = Off\nopcache.jit=disable")]
    )
    assert not off.opcache_enable.value
    assert off.opcache_jit_buffer_size.value == 0


def test_what_holds_for_one_host_or_path_alone_is_left_out() -> None:
    ini = b"[HOST=a.example]\nmemory_limit = 1M\n[PATH=/var/www]\nmemory_limit = 2M\n[PHP]\nmax_execution_time = 5\n"
    found = load_php_ini([("php.ini", ini)])
    assert (found.memory_limit.value, found.max_execution_time.value) == (128 * MIB, 5)


def test_behind_a_syntax_error_nothing_of_that_file_counts_and_the_error_is_kept() -> None:
    broken = b"memory_limit = 1M\nx = a = b\nmemory_limit = 2M\n"
    found = load_php_ini([("php.ini", broken), ("10.ini", b"max_execution_time = 7\n")])
    assert (found.memory_limit.value, found.max_execution_time.value) == (MIB, 7)
    assert len(found.broken) == 1
    assert found.broken[0].startswith("php.ini:2: ")


def test_a_value_that_only_php_can_evaluate_is_not_known() -> None:
    found = load_php_ini([("php.ini", b"memory_limit = ${LIMIT}\nerror_reporting = E_ALL & ~E_NOTICE\n")])
    assert not found.memory_limit.known
    assert found.broken == ()


SIZES = {
    "128M": 128 * MIB,
    "-1": -1,
    "1g": 1024 * MIB,
    "64k": 65536,
    "0x10": 16,
    "0x1fM": 31 * MIB,
    "010": 8,
    "0": 0,
    "": 0,
    "lots": 0,
    " 5 M": 5 * MIB,
    "128MB": 128,
    "1.5G": 1024 * MIB,
    "+7": 7,
    "0b11K": 3072,
    "0o17": 15,
    "09": 0,
}


@pytest.mark.parametrize("text", SIZES)
def test_sizes_are_read_as_php_reads_them(text: str) -> None:
    assert quantity(text) == SIZES[text]


@pytest.mark.lab
def test_php_reads_these_sizes_so() -> None:
    asked = subprocess.run(["php8.2", "-n", "-r", _QUANTITY, "--", *SIZES], capture_output=True, check=True)
    assert [int(line) for line in asked.stdout.split()] == list(SIZES.values())


@pytest.mark.lab
@pytest.mark.parametrize("pattern", _SHIPPED)
def test_every_ini_file_that_debian_ships_reads_as_php_reads_it(pattern: str) -> None:
    files = sorted(Path("/").glob(pattern))
    assert files
    for path in files:
        asked = subprocess.run(["php8.2", "-n", "-r", _PARSE, str(path)], capture_output=True, check=True)
        answer = json.loads(asked.stdout)
        entries = [one for one in scan(path.read_bytes(), str(path)) if isinstance(one, Entry)]
        found = {one.key.decode(): one.value for one in entries if one.evaluated and one.value is not None}
        unknown = {one.key.decode() for one in entries if not one.evaluated}
        assert found == {key: value.encode() for key, value in (answer or {}).items() if key not in unknown}
