"""The installed wheel is complete: its command works in an empty venv, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.inventory import variables

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip builds it, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=CHECKOUT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `remediate` command of a venv that holds the wheel; what it depends on is borrowed from the running one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    run("-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    borrowed = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages" / "borrowed.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "remediate"


def test_the_wheel_holds_all_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "remediations").rglob("*") if belongs(path)}
    beside = {f"remediations/{path.relative_to(CHECKOUT)}" for path in CHECKOUT.glob("playbooks/*.yml")}
    beside |= {f"remediations/{path.relative_to(CHECKOUT)}" for path in CHECKOUT.glob("templates/*")}
    beside |= {"remediations/docs/causes.md"}
    assert len(beside) >= 3
    assert {name for name in names if not name.startswith("remediate-")} == data | beside


def belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_it_does_not_come_from_the_checkout(installed: Path) -> None:
    program = "import remediations; print(remediations.__file__)"
    where = run("-c", program, python=installed.with_name("python"), cwd=installed.parent)
    assert Path(where.strip()).is_relative_to(installed.parents[1])


def test_the_command_lists_its_verbs_and_says_its_version(installed: Path, tmp_path: Path) -> None:
    listed = typed(installed, "--list", cwd=tmp_path).stdout
    assert [
        verb for verb in ("remediate", "diagnose", "verify", "catalogue", "explain") if f"  {verb} " not in listed
    ] == []
    assert typed(installed, "--version", cwd=tmp_path).stdout.startswith("remediate 0.")


def test_the_catalogue_has_all_remediations(installed: Path, tmp_path: Path) -> None:
    from remediations import library

    told = typed(installed, "catalogue", cwd=tmp_path).stdout
    assert [name for name in library.known() if f"{name}: " not in told] == []


def test_a_cause_is_explained_far_from_its_page(installed: Path, tmp_path: Path) -> None:
    explained = typed(installed, "explain", "socket-deleted", cwd=tmp_path)
    assert (explained.returncode, "A reload does not make the socket anew" in explained.stdout) == (0, True)


def test_a_dry_run_from_far_away_finds_the_playbook_the_template_and_the_cause(
    installed: Path, lab_host: LabHostFactory, tmp_path: Path
) -> None:
    """`remediate --host` without the verb: where the first word is a flag, `remediate` is meant."""
    host = lab_host("web1")
    faults.service_crashed(host)
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": variables(host)}}}))
    told = typed(installed, "--host", "web1", "--dry-run", cwd=tmp_path).stdout
    assert "cause   service-crashed: php8.2-fpm.service" in told
    templated = typed(
        installed, "remediate", "--host", "web1", "--playbook", "harden", "--dry-run", cwd=tmp_path
    ).stdout
    assert "+Restart=always" in templated


def run(*words: str, python: Path = Path(sys.executable), cwd: Path | None = None) -> str:
    done = subprocess.run([python, *words], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def typed(command: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([command, *words], capture_output=True, text=True, cwd=cwd, env=environment(cwd), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def environment(home: Path) -> Mapping[str, str]:
    """Nothing of this user's: no inventory, no keys, no state."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
