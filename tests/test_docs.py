"""The docs say what is: their transcripts are what real hosts answer, their links lead somewhere."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT, CommandLine
from tests.conftest import LabHostFactory
from tests.transcripts import lasting, pages, retold

PAGES = [str(page.relative_to(CHECKOUT)) for page in pages()]
EVERY_PAGE = sorted(
    str(page.relative_to(CHECKOUT)) for page in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"))
)


@pytest.mark.parametrize("name", PAGES)
def test_a_transcript_is_what_a_real_host_answers(name: str, lab_host: LabHostFactory, tmp_path: Path) -> None:
    """Where this fails because a report has changed for the better: .venv/bin/python -m tests.transcripts"""
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert lasting(text) == lasting(retold(text, CommandLine(tmp_path), lab_host))


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_links_lead_to_files_that_are_there(name: str) -> None:
    page = CHECKOUT / name
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_quoted_code_is_the_code_that_it_is_said_to_be() -> None:
    """Line by line and in order; `...` stands for what is left out."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    quotes = re.findall(r"^<!-- from: (\S+) -->\n```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(quotes) >= 5
    for path, quote in quotes:
        lines = iter((CHECKOUT / path).read_text(encoding="utf-8").splitlines())
        assert [line for line in quote.splitlines() if line != "..." and line not in lines] == [], path


def test_the_first_line_says_how_to_get_what_the_two_commands_need() -> None:
    first, _, rest = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("\n")
    assert "apt-get install -y git make" in first
    assert [command for command in ("make demo", "make test") if command not in rest[:400]] == []


def test_the_playbook_in_the_readme_is_one(tmp_path: Path) -> None:
    from remediations import library, playbook

    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"(?:^    .*\n)*^    name: mine\n(?:^    .*\n)*", readme, re.MULTILINE)
    assert lines is not None
    (tmp_path / "mine.yml").write_text(textwrap.dedent(lines[0]))
    play = playbook.load_playbook(str(tmp_path / "mine.yml"), library.known())
    assert [entry.remediation for entry in play.entries] == ["restart-service", "tune-max-children"]


def test_the_exit_codes_in_the_readme_are_those_of_the_program() -> None:
    from remediations.result import EXIT_CODES, SEVERITY

    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert f"the worst wins: {', '.join(map(str, SEVERITY))}." in readme
    assert {code for code in EXIT_CODES.values() if f"\n| {code} |" not in readme} == set()


def test_every_status_is_explained_with_its_exit_code() -> None:
    from remediations.result import EXIT_CODES

    page = (CHECKOUT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| (\d+) \|$", page, re.MULTILINE))
    assert {status: int(code) for status, code in rows.items()} == EXIT_CODES
