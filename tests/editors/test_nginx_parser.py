"""The directives of one file know their words, their line and their place."""

from __future__ import annotations

import time

import pytest

from remediations.editors.nginx import DEEPEST, parse, walk, whole
from remediations.editors.nginx_edit import encode, set_arguments, set_parameter
from remediations.editors.nginx_lexer import LONGEST
from remediations.editors.splice import apply
from remediations.errors import EditError


def test_a_directive_knows_its_words_and_where_it_stands() -> None:
    data = b'a;\nhttp {\n  server "x\\"y" \'z\' # c\n  ;\n}\n'
    block = parse(data, "x")[1]
    (server,) = block.block or ()
    assert (block.line, server.line) == (2, 3)
    assert (server.name, server.args) == ("server", ('x"y', "z"))
    assert [word.quote for word in server.words] == [b"", b'"', b"'"]
    assert data[server.start : server.end] == b'server "x\\"y" \'z\' # c\n  ;'
    assert data[block.body_start : block.body_end] == data[data.index(b"{") + 1 : data.rindex(b"}")]


def test_a_simple_directive_has_no_block_and_an_empty_block_has_no_directives() -> None:
    simple, empty = parse(b"a; b {}", "x")
    assert simple.block is None
    assert empty.block == ()


def test_what_stands_in_a_lua_block_is_no_directive() -> None:
    (block,) = parse(b"content_by_lua_block { a = {}; server.x = '}' }", "x")
    assert block.lua
    assert block.block == ()
    assert not any(each.lua for each in parse(b"a; b { }", "x"))


def test_only_these_escapes_are_undone() -> None:
    (directive,) = parse(rb"""a "\"\'\\\t\r\n\d\." \d\'\t;""", "x")
    assert directive.args == ("\"'\\\t\r\n\\d\\.", "\\d'\t")


def test_bytes_that_are_no_utf_8_survive_as_text_and_back() -> None:
    (directive,) = parse(b"a caf\xe9;", "x")
    assert directive.args == ("caf\udce9",)
    assert encode(directive.args[0]) == b"caf\xe9"


def test_blocks_nested_beyond_reason_are_refused() -> None:
    assert parse(b"a {" * DEEPEST + b"}" * DEEPEST, "x")
    with pytest.raises(EditError, match=r"^x:1: blocks nested deeper than"):
        parse(b"a {" * (DEEPEST + 1) + b"}" * (DEEPEST + 1), "x")


def test_a_value_too_long_for_nginx_is_not_written() -> None:
    assert len(encode("x" * LONGEST)) == LONGEST
    with pytest.raises(EditError, match="bytes cannot be written"):
        encode("x" * (LONGEST + 1))


def test_a_quoted_word_stays_quoted_so_that_its_neighbour_stays_a_neighbour() -> None:
    """`"a")` is two words to nginx; without the quotes it would be one."""
    data = b'if ($x = "a"){ }'
    (directive,) = parse(data, "x")
    assert directive.args == ("($x", "=", "a", ")")
    changed = apply(data, set_arguments(data, directive, ["($x", "=", "b", ")"]))
    assert changed == b'if ($x = "b"){ }'


def test_a_parameter_is_looked_for_among_the_arguments_only() -> None:
    data = b"a=1 b;"
    assert apply(data, set_parameter(parse(data, "x")[0], "a", "2")) == b"a=1 b a=2;"


def test_the_whole_file_is_a_block_of_its_directives() -> None:
    data = b"a; b { c; }"
    root = whole(data, parse(data, "x"))
    assert data[root.body_start : root.body_end] == data
    assert [each.name for each in walk(root.block or ())] == ["a", "b", "c"]


def test_a_quote_left_open_is_named_by_its_own_line() -> None:
    with pytest.raises(EditError, match=r"^x:3: the file ends within a word"):
        parse(b"a\n\n  'b;\n}\n", "x")


@pytest.mark.parametrize(
    "hostile",
    [
        b"x_by_lua_block {" + b'"\\' * 100_000,
        b"x_by_lua_block {" + b"[=" * 100_000,
        b"x_by_lua_block {" + b"--[" + b"=" * 100_000,
        b'"' + b"\\" * 200_001,
        b"$" * 200_000,
    ],
)
def test_a_hostile_file_is_refused_without_delay(hostile: bytes) -> None:
    """Each took minutes where a lexer looked at every byte again from every byte."""
    before = time.process_time()
    with pytest.raises(EditError):
        parse(hostile, "x")
    assert time.process_time() - before < 2
