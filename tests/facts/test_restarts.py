"""The restarts as the host keeps them: read under every sh, unknown where they may not be read, torn lines and all."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediations.facts import restarts
from remediations.facts.base import Answer, Unknown
from remediations.facts.restarts import Restart

SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"))
LINE = "1800000000 nginx.service restart 20261122T130500Z-7f3a9c alice\n"
NOBODY = 65534


def asked(home: Path, shell: tuple[str, ...] = ("sh",), user: int | None = None) -> restarts.Restarts | Unknown:
    """What the fragment answers where the toolkit's folder on the host is `home`."""
    script = restarts.FACT.script.replace("/var/lib/remediate", str(home))
    assert script != restarts.FACT.script
    done = subprocess.run([*shell, "-c", script], capture_output=True, timeout=10, check=False, user=user)
    return restarts.FACT.read(Answer(done.returncode, done.stdout))


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody may reach; those of pytest may be entered by its user alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_line_is_a_restart_and_none_of_it_is_lost(shell: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "restarts").write_text(LINE + "1800000060 app@1.service start 20261122T130600Z-000001 Bob Q. Smith\n")
    assert asked(tmp_path, shell) == (
        Restart(1800000000, "nginx.service", "restart", "20261122T130500Z-7f3a9c", "alice"),
        Restart(1800000060, "app@1.service", "start", "20261122T130600Z-000001", "Bob Q. Smith"),
    )


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_where_nobody_has_used_the_toolkit_or_restarted_anything_there_are_none(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    assert asked(tmp_path / "not-there", shell) == ()
    assert asked(tmp_path, shell) == ()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_is_no_file_is_unknown_and_not_none(shell: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "restarts").mkdir()
    assert asked(tmp_path, shell) == Unknown(f"{tmp_path}/restarts is not a file")


def test_who_is_not_root_does_not_know(home: Path) -> None:
    (home / "restarts").write_text(LINE)
    (home / "restarts").chmod(0o600)
    assert asked(home, user=NOBODY) == Unknown(f"{home}/restarts may not be read by this user")
    home.chmod(0o700)
    assert asked(home, user=NOBODY) == Unknown(f"{home} may not be read by this user")
    assert len(asked(home)) == 1  # type: ignore[arg-type]  # root reads it


def test_who_is_not_root_knows_that_nobody_has_used_the_toolkit(home: Path) -> None:
    assert asked(home / "not-there", user=NOBODY) == ()


def test_only_the_last_500_lines_are_carried_home(tmp_path: Path) -> None:
    (tmp_path / "restarts").write_text("".join(f"{time} a.service start R u\n" for time in range(700)))
    found = asked(tmp_path)
    assert not isinstance(found, Unknown)
    assert [one.time for one in found] == list(range(200, 700))


def test_a_torn_line_counts_if_it_names_its_unit_and_what_is_no_line_does_not() -> None:
    found = restarts.parse(b"1800000000 a.service\n18000\nnot a line\n\n\xff\xfe x\n-5 b.service\n" + LINE.encode())
    assert restarts.parse(b"9" * 5000 + b" a.service start R alice\n") == ()
    assert [(one.unit, one.action, one.who) for one in found] == [
        ("a.service", "?", "?"),
        ("nginx.service", "restart", "alice"),
    ]
