"""The machine's apt sources are read in both their forms, and third-party lists stay out of the base tree."""

from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.sources import debian_sources


def apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        stem, _, kind = name.rpartition("_")
        place = folder / "sources.list" if stem == "main" else folder / "sources.list.d" / f"{stem}.{kind}"
        place.write_text(text)
    return folder


def test_one_line_sources_of_the_suite_are_taken(tmp_path: Path) -> None:
    text = (
        "# deb http://old.invalid bookworm main\ndeb [arch=amd64] http://m.invalid/debian bookworm main contrib # own\n"
    )
    found = debian_sources(apt(tmp_path, main_list=text), "bookworm")
    assert (found.deb822, found.one_line) == ("", "deb [arch=amd64] http://m.invalid/debian bookworm main contrib\n")


def test_a_stanza_keeps_only_the_suites_of_this_release(tmp_path: Path) -> None:
    text = (
        "Types: deb\n# a note\nURIs: http://m.invalid\nSuites: bookworm bookworm-backports\n trixie\nComponents: main\n"
    )
    found = debian_sources(apt(tmp_path, debian_sources=text), "bookworm")
    assert found.deb822 == "Types: deb\nURIs: http://m.invalid\nSuites: bookworm\nComponents: main"


@pytest.mark.parametrize(
    "stanza",
    [
        "Types: deb\nURIs: http://x.invalid\nSuites: bookworm\nComponents: stable",
        "Types: deb\nURIs: http://x.invalid\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/x.gpg",
        "Enabled: no\nTypes: deb\nURIs: http://x.invalid\nSuites: bookworm\nComponents: main",
        "Types: deb\nURIs: http://x.invalid\nSuites: trixie\nComponents: main",
    ],
    ids=["other component", "other key", "disabled", "other release"],
)
def test_what_is_not_debian_is_left_out(tmp_path: Path, stanza: str) -> None:
    own = "Types: deb\nURIs: http://m.invalid\nSuites: bookworm-security\nComponents: main"
    found = debian_sources(apt(tmp_path, both_sources=f"{stanza}\n\n{own}\n"), "bookworm")
    assert found.deb822 == own


def test_a_third_party_line_with_its_own_key_is_left_out(tmp_path: Path) -> None:
    files = {
        "php_list": "deb [signed-by=/usr/share/keyrings/php.gpg] http://php.invalid bookworm main\n",
        "debian_list": "deb [signed-by=/k/debian-archive-keyring.gpg] http://m.invalid bookworm main\n",
    }
    assert "php.invalid" not in debian_sources(apt(tmp_path, **files), "bookworm").one_line


def test_no_source_of_the_suite_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Debian bookworm"):
        debian_sources(apt(tmp_path, main_list="deb http://m.invalid trixie main\n"), "bookworm")
