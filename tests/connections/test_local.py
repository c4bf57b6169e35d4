"""This machine as a host: root by sudo, played here by a small stand-in so that every mood of it can be seen."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from remediations.connections import become
from remediations.errors import BecomeError
from tests.connections.conftest import LOCAL, Opener, Password

SUDO = r"""#!/bin/sh
# Asks as sudo -S -p PROMPT does, up to three times; $STAND_IN says how it feels today.
printf '%s\n' "$*" >>"$STAND_IN_LOG"
prompt=
while [ $# -gt 0 ]; do
  case $1 in -p) prompt=$2; shift 2;; -*) shift;; *) break;; esac
done
case $STAND_IN in
  silent) sleep 5; exit 1;;
  free) exec "$@";;
esac
for _ in 1 2 3; do
  printf '%s' "$prompt" >&2
  read -r answer || exit 1
  printf 'got %s\n' "$answer" >>"$STAND_IN_LOG"
  [ "$answer" = 'sesame; "open" $me' ] && exec "$@"
  echo 'Sorry, try again.' >&2
done
exit 1
"""
RIGHT = Password('sesame; "open" $me')


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stand-in was told. For it, we are not root."""
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", "strict")
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path / "log"


def test_the_password_is_given_once_at_the_prompt_and_stands_in_no_argument(connect: Opener, log: Path) -> None:
    with connect(replace(LOCAL, become_password=RIGHT)).shell() as shell:
        assert shell.run("echo in", timeout=10).stdout == b"in\n"
    arguments, *given = log.read_text().splitlines()
    assert given == [f"got {RIGHT.value}"]
    assert "sesame" not in arguments
    assert arguments.startswith("-k -S -H -p ")


def test_a_wrong_password_is_not_given_twice(connect: Opener, log: Path) -> None:
    with pytest.raises(BecomeError, match=r"^here: sudo did not accept the password$"):
        connect(replace(LOCAL, become_password=Password("wrong"))).shell()
    assert log.read_text().count("got ") == 1


def test_no_password_is_given_where_none_is_asked_for(
    connect: Opener, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "free")
    with connect(replace(LOCAL, become_password=RIGHT)).shell() as shell:
        assert shell.run("cat", timeout=10).stdout == b""
    assert "got" not in log.read_text()


def test_sudo_that_neither_asks_nor_gives_a_shell_is_given_up(
    connect: Opener, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "silent")
    monkeypatch.setattr(become, "SUDO_TIMEOUT", 0.5)
    with pytest.raises(BecomeError, match=r"sudo gave no shell within 0.5 s"):
        connect(replace(LOCAL, become_password=RIGHT)).shell()


def test_without_become_sudo_is_not_called(connect: Opener, log: Path) -> None:
    with connect(replace(LOCAL, become=False)).shell() as shell:
        assert shell.run("echo in", timeout=10).stdout == b"in\n"
    assert not log.exists()


def test_a_child_in_the_background_outlives_its_shell(connect: Opener) -> None:
    connection = connect(LOCAL)
    with connection.shell() as shell:
        pid = shell.run("sleep 60 & echo $!", timeout=10).stdout.decode().strip()
    connection.close()
    subprocess.run(["kill", pid], check=True)
