"""Facts are joined into one script and taken apart again, run by real shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from remediations.errors import HostAnswerError
from remediations.facts.base import TOOK, Answer, Fact, Unknown, join, split

SHELLS = [shell for shell in (["dash"], ["bash", "--posix"]) if shutil.which(shell[0])]


def text(stdout: bytes) -> str | Unknown:
    return stdout.decode()


def run(script: str, shell: list[str]) -> bytes:
    return subprocess.run([*shell, "-s"], input=script.encode(), capture_output=True, check=True, timeout=60).stdout


def ask(facts: list[Fact[str]], shell: list[str], beside: list[Fact[str]] | None = None) -> dict[str, Answer]:
    question = join(cast(list[Fact[object]], facts), beside=cast(list[Fact[object]], beside or []))
    answers = split(question, run(question.script, shell))
    assert cast(float, TOOK.read(answers.pop(TOOK.name))) >= 0
    return answers


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_every_fact_answers_by_its_own_name_with_its_own_exit_code(shell: list[str]) -> None:
    facts = [Fact("one", "printf 'a\\n\\nb'", text), Fact("two", "echo no; exit 3", text), Fact("three", ":", text)]
    answers = ask(facts, shell)
    assert answers == {"one": Answer(0, b"a\n\nb"), "two": Answer(3, b"no\n"), "three": Answer(0, b"")}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_bytes_arrive_as_they_are_whatever_they_look_like(shell: list[str]) -> None:
    data = bytes(range(1, 256)) + b"\n12 0\nend x 0\n\r\n"
    octal = "".join(f"\\{byte:03o}" for byte in data)
    assert ask([Fact("bytes", f"printf '{octal}'", text)], shell)["bytes"].stdout == data


def test_a_fragment_cannot_leave_the_shell_or_read_what_the_others_need() -> None:
    facts = [Fact("rude", "cat; set -u; exit 9", text), Fact("next", "echo here", text)]
    answers = ask(facts, ["dash"])
    assert answers["rude"].exit_code == 9
    assert answers["next"].stdout == b"here\n"


def test_a_fragment_that_hangs_is_ended_and_the_reason_is_its_time_limit() -> None:
    fact = Fact("slow", "sleep 30", text, seconds=1)
    assert fact.read(ask([fact], ["dash"])["slow"]) == Unknown("slow: no answer within 1 s")


def test_what_runs_beside_runs_at_the_same_time_as_the_others(tmp_path: Path) -> None:
    """Each of the two hands the other a word and cannot end without the other's."""
    subprocess.run(["mkfifo", tmp_path / "there", tmp_path / "back"], check=True)
    here = Fact("here", f"cd {tmp_path}; echo 1 >there; cat back", text, seconds=20)
    beside = Fact("beside", f"cd {tmp_path}; cat there; echo 2 >back", text, seconds=20)
    assert ask([here], ["dash"], [beside]) == {"here": Answer(0, b"2\n"), "beside": Answer(0, b"1\n")}


def test_a_fragment_that_fails_says_why() -> None:
    fact = Fact("sick", "echo first; echo 'ss is not installed'; exit 3", text)
    assert fact.read(ask([fact], ["dash"])["sick"]) == Unknown("ss is not installed")


def test_a_fact_without_an_answer_is_unknown_not_empty() -> None:
    assert Fact("gone", ":", text).read(None) == Unknown("the host did not answer gone")


def test_a_damaged_answer_is_an_error_not_an_empty_host() -> None:
    question = join([Fact("one", "echo 1", text)])
    with pytest.raises(HostAnswerError, match="damaged"):
        split(question, run(question.script, ["dash"])[:-9])


def test_a_program_that_is_not_there_is_the_reason_and_not_what_was_printed_before_it() -> None:
    said = Fact("files", "echo files 7; stat.of.gnu", text).read(Answer(127, b"files 7\n"))
    assert said == Unknown("files: a program that this takes is not there (exit code 127)")
