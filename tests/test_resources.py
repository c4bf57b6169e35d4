"""Playbooks and templates are found in an installed wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediations import resources
from remediations.errors import RemediateError


def test_this_installation_has_its_playbooks_and_templates() -> None:
    assert (resources.playbooks() / "502.yml").is_file()
    assert (resources.templates() / "restart.conf.j2").is_file()
    assert resources.causes().is_file()


def test_a_wheel_has_them_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "remediations"
    (package / "playbooks").mkdir(parents=True)
    assert resources.find("playbooks", package) == package / "playbooks"


def test_a_checkout_has_them_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    assert resources.find("playbooks", tmp_path / "remediations") == tmp_path / "playbooks"


def test_inside_the_package_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "remediations"
    (package / "templates").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    assert resources.find("templates", package) == package / "templates"


def test_an_installation_without_them_is_called_incomplete(tmp_path: Path) -> None:
    with pytest.raises(RemediateError, match="the installation is incomplete"):
        resources.find("playbooks", tmp_path / "remediations")
