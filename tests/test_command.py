"""The installed command carries plain words out without Invoke, which reads all others and whose settings are heard."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from remediations import ahead, cli, command, start
from remediations.request import Request

PLAIN = ["--host", "web1", "--dry-run"]


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """By which ways command lines went; nothing is dialled, and Invoke has no settings here."""
    ways: list[str] = []

    def begun(request: Request) -> int:
        assert request.dry_run
        ways.append("at once")
        return 3

    def by_invoke(argv: list[str]) -> None:
        ways.append(f"Invoke: {' '.join(argv)}")
        sys.exit(0)

    for name in [name for name in os.environ if name.startswith("INVOKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ahead, "reach", lambda _: Any)
    monkeypatch.setattr(ahead, "_under_way", [])
    monkeypatch.setattr(start, "start", begun)
    monkeypatch.setattr(cli, "main", by_invoke)
    monkeypatch.setattr(os, "_exit", sys.exit)
    return ways


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["remediate", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_plain_words_are_carried_out_and_end_with_the_code_of_their_run(
    went: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed(monkeypatch, *PLAIN) == 3
    assert went == ["at once"]


@pytest.mark.parametrize("words", [["--list"], ["explain", "limit-req"], [*PLAIN, "--help"], [*PLAIN, "--hosts", "x"]])
def test_all_other_words_are_read_by_invoke(went: list[str], monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    typed(monkeypatch, *words)
    assert len(went) == 1
    assert went[0].startswith("Invoke: ")


def test_a_setting_of_invoke_in_the_environment_is_heard(went: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_RUN_DRY", "1")
    typed(monkeypatch, *PLAIN)
    assert went == ["Invoke: remediate --host web1 --dry-run"]


@pytest.mark.parametrize("ending", ["yaml", "yml", "json", "py"])
def test_a_setting_of_invoke_in_a_file_is_heard(
    went: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    (tmp_path / f".invoke.{ending}").touch()
    typed(monkeypatch, *PLAIN)
    assert went == ["Invoke: remediate --host web1 --dry-run"]


def test_invoke_looks_for_its_settings_where_we_look_for_them() -> None:
    """A new release of it might read others."""
    from invoke.config import Config

    config: Any = Config()
    starts = [config._system_prefix, config._user_prefix]
    found = [f"{start}{config.file_prefix or config.prefix}.{end}" for start in starts for end in config._file_suffixes]
    assert sorted(found) == sorted(command._SETTINGS)
    assert config.env_prefix is None
    assert config.prefix.upper() == "INVOKE"
