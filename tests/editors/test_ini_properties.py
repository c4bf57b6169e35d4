"""Whatever a pool file holds: an edit changes the values it is about and no other byte, and twice is as once."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from remediations.editors.fpm_pool import Pool
from remediations.editors.ini import parse, set_values
from remediations.editors.ini_scanner import Entry, scan
from remediations.editors.php_fpm import FpmConfig, PmValues, load, set_pm
from remediations.editors.splice import Splice, apply
from remediations.errors import EditError

KEYS = ("pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers")
ends = st.sampled_from([b"\n", b"\r\n", b" \n", b" ; why\n", b"\t\r\n", b"\r\n\r\n"])
blanks = st.sampled_from([b"", b" ", b"  ", b"\t", b" \t "])
keys = st.sampled_from([key.encode() for key in KEYS] + [b"PM.Max_Children", b"user", b"pm.status_path"])
numbers = st.integers(0, 99).flatmap(lambda n: st.sampled_from([b"%d" % n, b'"%d"' % n, b"'%d'" % n, b"0%d" % n, b""]))
settings = st.tuples(blanks.filter(lambda one: b" " not in one), keys, blanks, st.just(b"="), blanks, numbers).map(
    b"".join
)
others = st.sampled_from(
    [
        b"; pm.max_children = 9",
        b";",
        b"",
        b"[www]",
        b"[WWW]",
        b"[shop]",
        b"[global]",
        b"; caf\xe9",
        b"slowlog = \xff$pool",
    ]
)
lines = st.tuples(settings | others, ends).map(b"".join)
files = st.lists(lines, max_size=14).map(lambda found: b"[www]\npm = dynamic\n" + b"".join(found))
endings = st.sampled_from([b"", b"; the end", b"[www]\npm.max_children = 3"])
limits = st.tuples(*[st.integers(1, 60)] * 4).map(sorted).map(lambda n: PmValues(n[3], n[1], n[0], n[2]))


def untouched(data: bytes, splices: tuple[Splice, ...]) -> bool:
    """Whether each splice replaces digits (quoted or not), or inserts whole lines."""
    return all(data[one.start : one.end].strip(b"\"'").isdigit() or one.start == one.end for one in splices)


def settled(data: bytes) -> FpmConfig:
    return load("/www.conf", {"/www.conf": data})


def others_of(config: FpmConfig) -> dict[str, list[tuple[str, bytes | None]]]:
    """All that the pools say, save the limits of [www]."""
    return {pool.name: sorted(_kept(pool)) for pool in config.pools}


def _kept(pool: Pool) -> list[tuple[str, bytes | None]]:
    return [
        (key, located.entry.value) for key, located in pool.entries.items() if pool.name != "www" or key not in KEYS
    ]


@given(files, endings, limits)
def test_the_limits_are_set_and_nothing_else(data: bytes, ending: bytes, wanted: PmValues) -> None:
    before = settled(data + ending)
    edit = set_pm(before, "www", wanted).get("/www.conf", ())
    after = settled(apply(data + ending, edit))
    pool = after.pool("www")
    assert pool is not None
    assert {key: int(pool.entries[key].entry.value or b"") for key in KEYS} == wanted.of("dynamic")
    assert others_of(after) == others_of(before)
    assert untouched(data + ending, edit)
    assert set_pm(after, "www", wanted) == {}


@given(files, endings, st.dictionaries(st.sampled_from(KEYS), st.integers(1, 99).map(str), min_size=1))
def test_setting_twice_is_setting_once(data: bytes, ending: bytes, values: dict[str, str]) -> None:
    splices = set_values(data + ending, "www", values, file="x")
    once = apply(data + ending, splices)
    assert set_values(once, "www", values, file="x") == ()
    assert untouched(data + ending, splices)
    assert once.endswith(b"\n") == (data + ending).endswith(b"\n") or ending == b""


@given(st.lists(lines).map(b"".join), blanks)
def test_every_statement_stands_where_it_says(data: bytes, indent: bytes) -> None:
    for one in parse(data + indent, "x"):
        assert data.count(b"\n", 0, one.start) + 1 == one.line
        if isinstance(one, Entry):
            assert data[one.start : one.end].startswith(one.key)
            assert data[one.end : one.value_start].strip(b" \t") == b"="


def refusal(data: bytes, *, whole: bool) -> str | None:
    try:
        list(scan(data, "x.conf") if whole else parse(data, "x.conf"))
    except EditError as error:
        return str(error)
    return None


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused_with_file_and_line(data: bytes, whole: bool) -> None:
    found = refusal(data, whole=whole)
    assert found is None or re.match(r"x\.conf:\d+: ", found)


@given(st.binary(max_size=30), st.sampled_from([b";%s", b"env[A] = 'x%s'", b'env[A] = "%s" ; %s']), limits)
def test_strange_bytes_in_comments_and_values_survive_an_edit(text: bytes, around: bytes, wanted: PmValues) -> None:
    line = around.replace(b"%s", text.translate(None, b"\n\r\0\"'\\$"))
    data = b"[www]\npm = dynamic\npm.max_children = 61\n" + line
    edit = set_pm(settled(data), "www", wanted)
    assert apply(data, edit["/www.conf"]).endswith(b"\n" + line)
