"""What a run loads before it logs in: every import there is a time in which no host has been asked anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = {
    "gzip",
    "jinja2",
    "rich",
    "importlib.metadata",
    "remediations.asking",
    "remediations.bugs",
    "remediations.facts",
    "remediations.gather",
    "remediations.masking",
    "remediations.run",
}


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_nothing_that_a_login_does_not_need_is_loaded_before_it() -> None:
    assert loaded("import remediations.command, remediations.reach") & {*LATER, "invoke"} == set()


def test_plain_words_are_carried_out_without_invoke() -> None:
    path = "remediations.command, remediations.guard, remediations.start, remediations.run, remediations.library"
    assert "invoke" not in loaded(f"import {path}; remediations.library.known(); remediations.diagnosis.families()")


def test_the_command_line_loads_little_besides() -> None:
    assert loaded("import remediations.cli, remediations.start") & LATER == set()


@pytest.mark.parametrize("library", ["paramiko", "fabric"])
def test_the_ssh_libraries_come_once_the_host_has_been_dialled(library: str) -> None:
    assert library not in loaded("import remediations.cli, remediations.start, remediations.reach")


def test_paramiko_comes_without_invoke_and_fabric() -> None:
    assert loaded("import remediations.connections.ssh") & {"paramiko", "invoke", "fabric"} == {"paramiko"}


def test_invoke_can_be_had_after_paramiko() -> None:
    assert "invoke.program" in loaded("import remediations.connections.ssh, invoke.program")


def test_what_is_asked_first_is_loaded_without_what_judges_and_plans() -> None:
    late = {"remediations.snapshot", "remediations.host.topology", "remediations.plan", "jinja2"}
    assert loaded("import remediations.first_facts") & late == set()


def test_invoke_remediate_does_not_load_the_lab() -> None:
    assert {name for name in loaded("import tasks") if name.startswith("tests.")} == {
        "tests.lab",
        "tests.lab.errors",
        "tests.lab.names",
        "tests.lab.tasks",
    }
