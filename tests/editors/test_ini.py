"""The ini editor changes the value that is in force and no other byte."""

from __future__ import annotations

import pytest

from remediations.editors.ini import parse, set_values
from remediations.editors.ini_scanner import Entry, Section
from remediations.editors.splice import apply
from remediations.errors import EditError


def edited(data: bytes, section: str = "www", **values: str) -> bytes:
    """The data after an edit; `pm__max_children` stands for `pm.max_children`."""
    wanted = {key.replace("__", "."): value for key, value in values.items()}
    return apply(data, set_values(data, section, wanted, file="www.conf"))


def test_a_value_is_replaced_and_its_spacing_and_comment_stay() -> None:
    before = b"[www]\n\tpm.max_children   =  5\t ; five is enough\n"
    assert edited(before, pm__max_children="40") == b"[www]\n\tpm.max_children   =  40\t ; five is enough\n"


def test_quotes_around_a_value_go_with_it() -> None:
    assert edited(b'[www]\npm.max_children = "5" ; x\n', pm__max_children="40") == b"[www]\npm.max_children = 40 ; x\n"


def test_of_two_equal_keys_the_last_is_changed_because_php_fpm_uses_it() -> None:
    before = b"[www]\npm.max_children = 5\nPM.Max_Children = 6\n"
    assert edited(before, pm__max_children="40") == b"[www]\npm.max_children = 5\nPM.Max_Children = 40\n"


def test_a_section_that_is_opened_again_under_another_case_goes_on() -> None:
    before = b"[www]\npm.max_children = 5\n[other]\npm.max_children = 7\n[WWW]\npm.max_children = 6\n"
    assert edited(before, pm__max_children="40") == before.replace(b"= 6", b"= 40")


def test_crlf_latin1_and_a_missing_final_newline_stay() -> None:
    before = b"; caf\xe9\r\n[www]\r\npm.max_children = 5\r\n; the end \xff"
    assert edited(before, pm__max_children="40") == before.replace(b"= 5", b"= 40")


def test_a_key_that_only_a_comment_names_is_inserted_under_its_siblings() -> None:
    before = b"[www]\npm = dynamic\npm.max_children = 5\n;pm.start_servers = 2\nuser = www\n[two]\npm = static\n"
    after = edited(before, pm__start_servers="2")
    assert after == before.replace(b"= 5\n", b"= 5\npm.start_servers = 2\n")


def test_an_inserted_line_takes_the_line_end_indent_and_column_of_its_neighbour() -> None:
    before = b"[www]\r\n  pm                   = dynamic\r\n"
    assert edited(before, pm__max_children="5").endswith(b"dynamic\r\n  pm.max_children      = 5\r\n")


def test_a_line_inserted_at_the_end_leaves_the_file_without_a_final_newline() -> None:
    assert edited(b"[www]\npm=static", pm__max_children="5") == b"[www]\npm=static\npm.max_children=5"


def test_a_section_without_entries_takes_the_key_under_its_header() -> None:
    assert edited(b"[www] ; the site\n\n[b]\n", pm="static") == b"[www] ; the site\npm = static\n\n[b]\n"


def test_a_key_before_all_sections_belongs_to_none_of_them() -> None:
    before = b"pm.max_children = 5\n[www]\npm = static\n"
    assert edited(before, pm__max_children="6") == before + b"pm.max_children = 6\n"


def test_a_file_that_is_included_inside_a_section_begins_in_it() -> None:
    splices = set_values(b"pm = static\n", "www", {"pm": "dynamic"}, file="x", begins_in="WWW")
    assert apply(b"pm = static\n", splices) == b"pm = dynamic\n"


def test_a_value_that_is_in_force_needs_no_splice() -> None:
    assert set_values(b"[www]\npm = static ; x\n", "www", {"pm": "static"}, file="x") == ()


def test_an_absent_section_is_an_error_that_names_the_file() -> None:
    with pytest.raises(EditError, match=r"www\.conf: there is no section \[other\]"):
        edited(b"[www]\npm = static\n", "other", pm="static")


def test_a_value_that_only_php_can_evaluate_is_not_overwritten() -> None:
    with pytest.raises(EditError, match=r"www\.conf:2: pm\.max_children is set by an expression"):
        edited(b"[www]\npm.max_children = ${CHILDREN}\n", pm__max_children="5")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"pm = a = b", "refuses the value"),
        (b"[www", "whose ']' is missing"),
        (b'pm = "x', "quote that is not closed"),
        (b"yes = 1", "as a key"),
        (b"= 1", "without a key"),
        (b"{pm = 1", "where a setting should begin"),
        (b"env[x 5", "whose ']' is missing"),
        (b"env[x] 5", "expects '='"),
        (b"pm = 5 yes", "refuses the value"),
        (b"pm\0 = 5", "NUL"),
    ],
)
def test_what_php_refuses_is_refused_with_file_and_line(line: bytes, problem: str) -> None:
    with pytest.raises(EditError, match=r"^x\.conf:2: ") as refusal:
        parse(b"[www]\n" + line + b"\n", "x.conf")
    assert problem in str(refusal.value)


def test_statements_know_their_line_and_their_bytes() -> None:
    data = b"; c\n[www]\nenv[PATH] = '/bin' ; c\n"
    section, entry = parse(data, "x")
    assert isinstance(section, Section)
    assert (section.name, section.line, data[section.start : section.end]) == (b"www", 2, b"[www]")
    assert isinstance(entry, Entry)
    assert (entry.key, entry.offset, entry.value, entry.line) == (b"env", b"PATH", b"/bin", 3)
    assert data[entry.start : entry.end] == b"env[PATH]"
    assert data[entry.value_start : entry.value_end] == b"'/bin'"
