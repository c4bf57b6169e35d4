"""The base tree is built once, whole or not at all, whoever asks for it and however often."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab import base
from tests.lab.errors import LabError


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Builds are folders with one file, and are counted; no root and no network needed."""
    made: list[Path] = []

    def bootstrap(kind: base.Kind, target: Path) -> None:
        target.mkdir()
        time.sleep(0.05)
        (target / "whole").touch()
        made.append(target)

    monkeypatch.setattr("tests.lab.paths.CACHE", tmp_path / "cache")
    monkeypatch.setattr(base, "require_lab", lambda: None)
    monkeypatch.setattr(base, "FINISH", ())
    monkeypatch.setattr(base, "_bootstrap", bootstrap)
    return made


def test_many_who_ask_at_once_get_one_build(builds: list[Path]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: base.ensure_base(), range(8)))
    assert len(builds) == 1
    assert (answers.pop() / "whole").exists()


def test_the_two_kinds_are_two_trees(builds: list[Path]) -> None:
    assert base.ensure_base("plain") != base.ensure_base("python")


def test_an_interrupted_build_leaves_nothing_half_made(
    builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(kind: base.Kind, target: Path) -> None:
        target.mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(base, "_bootstrap", interrupted)
        with pytest.raises(KeyboardInterrupt):
            base.ensure_base()
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
    assert (base.ensure_base() / "whole").exists()


def test_a_test_with_another_home_uses_the_same_tree(
    builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = base.ensure_base()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert base.ensure_base() == before
    assert len(builds) == 1


def test_a_changed_recipe_is_another_tree(builds: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = base.ensure_base()
    monkeypatch.setattr(base, "PACKAGES", ["systemd"])
    assert base.ensure_base() != before


def test_a_user_who_is_not_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match=r"needs root; run as root, or .* -m 'not lab'"):
        base.require_lab()


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda program: None if "nspawn" in program or program == "ip" else program)
    with pytest.raises(LabError, match=r"apt-get install iproute2 systemd-container$"):
        base.require_lab()
