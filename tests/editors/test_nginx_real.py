"""What the real nginx makes of a file is what we make of it, before and after an edit."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediations.editors.nginx import Directive, parse, walk
from remediations.editors.nginx_edit import add_to_block, encode, set_parameter
from remediations.editors.nginx_lexer import line_at
from remediations.editors.splice import apply
from remediations.errors import EditError
from tests.editors.nginx_cases import Case, find, load_cases
from tests.editors.nginx_oracle import Nginx

pytestmark = pytest.mark.lab

CASES = load_cases()
ASKED = [case for case in CASES if case.nginx in ("accepts", "refuses")]
ACCEPTED = [case for case in CASES if case.nginx == "accepts" and case.is_edit]


def _block_of(case: Case) -> Directive:
    """The block that the case edits, or in which it edits a directive, as it stands in the result."""
    block, target = find(case.expected, case.spec["at"])
    return target if "add_to_block" in case.spec else block


IN_BLOCKS = [case for case in ACCEPTED if _block_of(case).name != "map"]
"""The entries of a map are no directives: nginx would take a mark for one of them."""
ON_SERVERS = [case for case in ACCEPTED if case.spec["at"][1:2] == ["upstream app"]]
many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("case", ASKED, ids=str)
def test_nginx_says_of_each_case_what_the_corpus_says(nginx: Nginx, case: Case) -> None:
    verdict = nginx.test(case.before)
    assert ("accepts" if verdict.accepts else "refuses") == case.nginx, verdict.output


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_nginx_accepts_what_comes_out_of_each_edit(nginx: Nginx, case: Case) -> None:
    verdict = nginx.test(case.expected)
    assert verdict.accepts, verdict.output


@pytest.mark.parametrize("case", IN_BLOCKS, ids=str)
def test_a_directive_added_to_the_edited_block_is_read_there(nginx: Nginx, case: Case) -> None:
    """nginx names the line on which it meets an unknown directive: it must be the line that we wrote it on."""
    data = case.expected
    block = _block_of(case)
    marked = apply(data, add_to_block(data, block, [("remediate_mark", "a b")]))
    line = line_at(marked, marked.index(b"remediate_mark"))
    assert b'unknown directive "remediate_mark" in ' in (said := nginx.test(marked).output)
    assert f"/nginx.conf:{line}\n".encode() in said


@pytest.mark.parametrize("case", ON_SERVERS, ids=str)
def test_a_parameter_set_on_a_server_is_read_as_one_word(nginx: Nginx, case: Case) -> None:
    """nginx repeats a parameter that it does not understand: it must be the one that we wrote."""
    data = case.before
    _, target = find(data, case.spec["at"])
    wrong = apply(data, set_parameter(target, "max_fails", "wrong value"))
    assert b'invalid parameter "max_fails=wrong value" in ' in nginx.test(wrong).output


# --- words


def _echo(nginx: Nginx, source: bytes) -> bytes | None:
    """How nginx reads the first word of this source: it repeats what it does not understand of a `server` line."""
    said = nginx.test(b"events {}\nhttp { upstream u { server 127.0.0.1 " + source + b" ; } }\n").output
    match = re.search(rb'invalid parameter "(.*)" in \S+/nginx.conf:\d+\n', said, re.DOTALL)
    return match[1] if match else None


AWKWARD = st.text(alphabet="ab0 \t\r\n;{}\"'\\#$()=~*.-\x0b\x0cé\udcff", min_size=1, max_size=14)


@given(AWKWARD)
@many
def test_nginx_reads_back_every_value_that_we_write(nginx: Nginx, value: str) -> None:
    assert _echo(nginx, encode(f"x{value}")) == f"x{value}".encode("utf-8", "surrogateescape")


@given(AWKWARD)
@many
def test_nginx_cuts_any_source_into_the_words_that_we_cut_it_into(nginx: Nginx, text: str) -> None:
    source = b"x" + text.encode("utf-8", "surrogateescape")
    data = b"events {}\nhttp { upstream u { server 127.0.0.1 " + source + b" ; } }\n"
    try:
        server = next(each for each in walk(parse(data, "x")) if each.name == "server")
    except EditError:
        assert not nginx.test(data).accepts
        return
    if server.block is not None:
        assert b'directive "server" is not terminated by ";"' in nginx.test(data).output
    else:
        assert _echo(nginx, source) == server.words[2].value


# --- files


def _mutants() -> Iterator[tuple[str, bytes]]:
    """Every case with a mark, quote, blank or escape taken away, doubled or put in, at places all over the file."""
    for case in CASES:
        data = case.before
        if case.nginx != "accepts" or len(data) > 1500:
            continue
        places = [match.start() for match in re.finditer(rb"[;{}\"'\\#$\n ]", data)]
        for place in places[:: max(1, len(places) // 4)]:
            yield case.name, data[:place] + data[place + 1 :]
            yield case.name, data[:place] + data[place : place + 1] + data[place:]
            yield case.name, data[:place] + b"\"{';}\\#"[place % 7 : place % 7 + 1] + data[place:]


def _is_read(data: bytes) -> bool:
    try:
        parse(data, "x")
    except EditError:
        return False
    return True


def test_of_broken_files_we_refuse_exactly_what_nginx_cannot_cut_into_words(nginx: Nginx) -> None:
    """nginx may refuse more: for what a directive means. And it stops at that, before a fault of form further down."""
    checked = 0
    for name, data in _mutants():
        verdict = nginx.test(data)
        read = _is_read(data)
        assert read or not verdict.accepts, (name, data)
        assert not (read and verdict.is_lexical), (name, data, verdict.output)
        checked += 1
    assert checked > 900
