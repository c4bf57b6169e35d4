"""Every case of the corpus comes out to the byte, once edited and twice."""

from __future__ import annotations

import pytest

from remediations.editors.nginx import parse
from remediations.editors.splice import apply
from remediations.errors import EditError
from tests.editors.nginx_cases import CORPUS, Case, load_cases

CASES = load_cases()
EDITS = [case for case in CASES if case.is_edit]
REFUSALS = [case for case in CASES if not case.is_edit]


@pytest.mark.parametrize("case", EDITS, ids=str)
def test_an_edit_gives_the_expected_bytes(case: Case) -> None:
    assert apply(case.before, case.edit(case.before)) == case.expected


@pytest.mark.parametrize("case", EDITS, ids=str)
def test_an_edit_finds_nothing_to_do_on_its_own_output(case: Case) -> None:
    assert case.edit(case.expected) == ()


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_what_nginx_cannot_read_is_refused_with_file_and_line(case: Case) -> None:
    with pytest.raises(EditError) as caught:
        parse(case.before, "/etc/nginx/x.conf")
    message = str(caught.value)
    assert message.startswith(f"/etc/nginx/x.conf:{case.spec['refused']['line']}: ")
    assert case.spec["refused"]["message"] in message


def test_every_file_of_the_corpus_belongs_to_a_case() -> None:
    described = {f"{case.name}.conf" for case in CASES}
    described |= {f"{case.name}.expected.conf" for case in CASES if case.is_edit and "unchanged" not in case.spec}
    assert {path.name for path in CORPUS.glob("*.conf")} == described
