"""The shape of the house: imports, and what every remediation and every cause must come with."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pkgutil
import re
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from remediations import causes, diagnosis, library
from remediations.facts.files import HostFile
from remediations.facts.logs import Log
from remediations.parameters import describe
from remediations.snapshot import Snapshot
from tests.bundle.kinds import kinds

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
REMEDIATIONS = sorted(library.known())
FAMILIES = sorted(module.name for module in pkgutil.iter_modules(causes.__path__))
PAGE = ("## When", "## What it does", "## What it never does", "## Parameters", "## Example")
CASES = {
    "a healthy host": r"healthy|left_alone|nothing_to_",
    "an already remedied host": r"already|second_plan|second_run",
}
"""What the tests of a remediation must hold, told by their names; the broken host is what all others are about."""


def test_imports_keep_their_contracts() -> None:
    """The contracts stand in pyproject.toml: downward, no circles, pure planning, few modules that touch a host."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_has_the_five_that_the_playbooks_are_made_of() -> None:
    """The walks below find what they walk."""
    five = {"restart-service", "tune-max-children", "restart-always", "upstream-max-fails", "limit-req"}
    assert five <= set(REMEDIATIONS)


@pytest.mark.parametrize("name", REMEDIATIONS)
def test_a_remediation_says_when_to_use_it_and_what_it_never_does(name: str) -> None:
    module = inspect.getmodule(library.known()[name])
    text = inspect.getdoc(module) or ""
    first, _, rest = text.partition("\n")
    assert first.endswith("."), "the docstring opens with one sentence"
    assert rest.startswith("\nReach for it "), "its second paragraph says when: Reach for it …"
    assert re.search(r"^It never ", rest, re.MULTILINE), "a paragraph says what it does not do: It never …"


@pytest.mark.parametrize("name", REMEDIATIONS)
def test_a_remediation_explains_each_of_its_parameters(name: str) -> None:
    unexplained = [row.name for row in describe(library.known()[name]) if not row.help]
    assert unexplained == []


@pytest.mark.parametrize("name", REMEDIATIONS)
def test_a_remediation_has_its_cases(name: str) -> None:
    tests = _tests_of(CHECKOUT / "tests" / "library" / f"test_{name.replace('-', '_')}.py")
    missing = [case for case, words in CASES.items() if not any(re.search(words, test) for test in tests)]
    assert missing == []


@pytest.mark.parametrize("name", REMEDIATIONS)
def test_a_remediation_has_its_page(name: str) -> None:
    page = _read(DOCS / "remediations" / f"{name}.md")
    assert page.startswith(f"# {name}\n")
    assert [section for section in PAGE if f"\n{section}\n" not in page] == []
    parameters = _section(page, "## Parameters")
    assert [row.name for row in describe(library.known()[name]) if f"`{row.name}`" not in parameters] == []


def test_every_cause_has_its_place_in_the_order() -> None:
    """What is not in it would come last, whatever it explains."""
    assert {cause for family in FAMILIES for cause in _causes_of(family)} == set(diagnosis.ORDER)


@pytest.mark.parametrize("cause", [*diagnosis.ORDER, "unknown"])
def test_a_cause_has_its_section_in_the_docs(cause: str) -> None:
    section = _section(_read(DOCS / "causes.md"), f"## {cause}")
    assert [word for word in ("**For:**", "**Against:**", "**Do:**") if word not in section] == []


@pytest.mark.parametrize("cause", diagnosis.ORDER)
def test_a_cause_has_its_cases(cause: str) -> None:
    """Evidence for it, on answers that a real host gave; against it speaks the healthy host, where nothing is found."""
    texts = [_read(file) for file in sorted((CHECKOUT / "tests" / "causes").glob("test_*.py"))]
    assert any(f'"{cause}"' in text for text in texts)


def test_every_fact_can_be_kept_in_a_bundle_and_all_bytes_have_a_rule_that_masks_them() -> None:
    """What is new here: remediations/bundle/typed.py must know the type, masked.py how bytes are masked."""
    found = list(kinds(Snapshot, (Snapshot, ""), set()))
    plain = (bool, int, float, str, bytes, type(None), IPv4Address, IPv6Address)
    odd = [owner for hint, owner in found if hint not in plain and not dataclasses.is_dataclass(hint)]
    assert odd == [(Snapshot, "variables")]
    raw = {owner for hint, owner in found if hint is bytes}
    assert raw == {(HostFile, "data"), (Log, "data")}


def _causes_of(family: str) -> set[str]:
    """The ids that a family gives: a word in front of each finding, or saying of a log, that it builds."""
    tree = ast.parse(_read(Path(causes.__path__[0], f"{family}.py")))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    first = (
        word
        for call in calls
        if ast.unparse(call.func).lower().endswith(("finding", "saying"))
        for word in call.args[:2]
    )
    return {word.value for word in first if isinstance(word, ast.Constant) and isinstance(word.value, str)}


def _tests_of(file: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", _read(file), re.MULTILINE)


def _section(text: str, heading: str) -> str:
    """From the heading to the next of its level."""
    assert f"\n{heading}\n" in text, f"there is no {heading!r}"
    return re.split(r"^## ", text.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _read(file: Path) -> str:
    assert file.is_file(), f"{file.relative_to(CHECKOUT)} is missing"
    return file.read_text(encoding="utf-8")
