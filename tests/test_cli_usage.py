"""The command line as its users and abusers meet it, where no host is needed: nothing is asked of any host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT, CommandLine

NOBODY = """
all:
  hosts:
    web1: {ansible_host: 127.0.0.1, ansible_port: 1}
    web2: {ansible_host: 127.0.0.1, ansible_port: 1}
"""
REMEDIATE = [str(Path(sys.executable).with_name("remediate"))]


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """An inventory whose hosts refuse every connection: whatever gets that far ends with exit code 4."""
    line = CommandLine(tmp_path)
    line.write_inventory(NOBODY)
    return line


def shell(command: CommandLine, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `$invoke` or `$remediate` in a shell, with the pipes and closed files that a shell can make."""
    given = {
        "REMEDIATE_INVENTORY": str(command.folder / "inventory.yml"),
        "XDG_STATE_HOME": str(command.folder / "state"),
        "invoke": f"{sys.executable} -m invoke",
        "remediate": REMEDIATE[0],
    }
    return subprocess.run(
        ["bash", "-c", script], cwd=CHECKOUT, env={**os.environ, **given, **environment}, text=True, timeout=120,
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


USAGE_ERRORS = {
    "remediate": "--host is missing",
    "remediate --host": "--host: a value is missing",
    "remediate --host=": "--host: a value is missing",
    "remediate --host --dry-run": "--host: a value is missing",
    "remediate --host web1 --host --yes": "--host: a value is missing",
    "remediate --host web1 --only --dry-run": "--only: a value is missing",
    "remediate --host web1 --only , --dry-run": "--only: the name of a remediation is missing",
    "remediate --host web1 --only nope --dry-run": "there are: apply-pending-restart, ",
    "remediate --host web1 --only restart-servise --dry-run": "restart-service",
    "remediate --host web1 --dry-run --set": "--set: a value is missing",
    "remediate --host web1 --dry-run --set nonsense": "expected NAME.PARAM=VALUE",
    "remediate --host web1 --dry-run --set tune-max-children.=1": "expected NAME.PARAM=VALUE",
    "remediate --host web1 --dry-run --set nope.x=1": "'nope' is not in this run",
    "remediate --host web1 --dry-run --set tune-max-children.nope=1": "allowed: ",
    "remediate --host web1 --dry-run --set tune-max-children.process_mb=many": "process_mb",
    "remediate --host web1 --dry-run --set tune-max-children.process_mb=[1,2]": "process_mb",
    "remediate --host nope --dry-run": "host pattern nope",
    "remediate --host we*,!nope --dry-run": "host pattern nope: matches no host",
    "remediate --host !web1,!web2 --dry-run": "no host is left",
    "remediate --host web1 --dry-run --forks 0": "a whole number from 1 to 128",
    "remediate --host web1 --dry-run --forks abc": "a whole number from 1 to 128",
    "remediate --host web1 --dry-run --forks ²": "a whole number from 1 to 128",
    "remediate --host web1 --dry-run --forks -1": "a whole number from 1 to 128",
    "remediate --host web1 --dry-run --settle soon": "expected seconds",
    "remediate --host web1 --dry-run --format xml": "text, json",
    "remediate --host web1 --dry-run --plan xyz": "hexadecimal",
    "remediate --host web1 --dry-run --playbook nope": "nope",
    "remediate --host web1 --dry-run --health-url nonsense": "nonsense",
    "remediate --host web1 --dry-run --host-key-checking maybe": "yes, accept-new, no",
    "remediate --host web1 --dry-run --inventory /nowhere.yml": "/nowhere.yml",
    "remediate --host web1 --dry-run --output /nowhere/report": "--output /nowhere/report: No such file",
    "remediate --host web1 --dry-run --output /tmp": "--output /tmp: Is a directory",
    "remediate --host web1": "--yes",
    "remediate --host web1 --dry-run --ask-become-pass": "no terminal to ask on",
    "remediate --host web1 --dry-run=false": "false",
    "remediate --host web1 --yes=no": "no",
    "remediate --host web1 --dry-run --nonsense": "--nonsense",
    "remediate --host web1 --dry-run extra": "extra",
    "diagnose --host web1 verify --host web1": "one verb a run",
    "diagnose --host": "--host: a value is missing",
    "verify --host=": "--host: a value is missing",
    "verify --host web1 --for": "needed value and was not given one",
    "verify --host web1 --for=": "--for: a value is missing",
    "watch --host web1 --every 1": "--every 1: expected a time from 2s to 1h",
    "watch --host web1 --every often": "--every often: expected a time",
    "watch --host web1 --for 0s": "--for 0s: expected a time from 1s to 168h",
    "watch --host web1 --output x": "--output",
    "watch --host nope": "host pattern nope",
    "diagnose --host web1 --url": "url> needed value",
    "diagnose --host web1 --url foo": "--url: expected a URL",
    "diagnose --host web1 --url file:///etc/passwd": "--url: expected a URL",
    "verify --host web1 --url http://me:secret@x/": "--url: expected a URL",
    "verify --host web1 --url http://x/ --resolve x:80": "expected HOST:PORT:ADDRESS",
    "verify --host web1 --resolve x:80:127.0.0.1": "there is none",
    "remediate --host web1 --dry-run --url http://x/": "--url",
    "verify --host web1 --for abc": "--for abc: expected a time from 0s to 1h",
    "verify --host web1 --for 3h": "--for 3h: expected a time from 0s to 1h",
    "verify --host web1 --for -1": "expected a time from 0s to 1h",
    "remediate --host web1 --dry-run --verify": "verify> needed value",
    "remediate --host web1 --dry-run --verify half": "expected one of confirm, full",
    "undo": "--host is missing",
    "undo --host": "--host: a value is missing",
    "undo --host web1": "--yes",
    "undo --host web1 --run --dry-run": "run> needed value",
    "undo --host web1 --run latest --dry-run": "expected the id of a run, such as",
    "undo --host web1 --run ../../etc --dry-run": "expected the id of a run, such as",
    "undo --host web1 --only limit-req": "--only",
    "recover": "--host is missing",
    "confirm": "--run is missing",
    "confirm --run 20261122T130500Z-7f3a9c": "--host is missing",
    "confirm --host web1": "--run is missing",
    "confirm --host web1 --run": "run> needed value",
    "confirm --host web1 --run 1": "expected the id of a run, such as",
    "history --host": "--host: a value is missing",
    "history --host web1 --run 20261122T130500Z-7f3a9c": "--run",
    "undo --host web1 confirm --host web1": "one verb a run",
    "remedy": "remedy",
    "explain": "name",
    "explain nope": "there are: apply-pending-restart, ",
}


@pytest.mark.parametrize("words", USAGE_ERRORS)
def test_what_cannot_be_meant_is_refused_in_words_before_anything_is_asked(words: str, command: CommandLine) -> None:
    answer = command(*words.split())
    assert answer.exit_code == 1, answer
    assert answer.stdout == ""
    assert USAGE_ERRORS[words] in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not (command.folder / "state").exists()


def test_a_host_is_named_or_a_playbook_for_a_change_but_not_for_a_look(command: CommandLine) -> None:
    assert command("diagnose").exit_code == 4
    assert command("history").exit_code == 4
    assert command("recover", "--playbook", "502").exit_code == 4
    assert command("undo", "--playbook", "502", "--dry-run").exit_code == 4
    assert command("remediate", "--playbook", "502", "--dry-run").exit_code == 4
    assert (
        command("remediate", "--host", "!web1", "--dry-run", "--format", "json").document["hosts"][0]["host"] == "web2"
    )


@pytest.mark.parametrize(
    "text", ["nonsense", "all: [1, 2]", "all:\n  hosts: {web1: {ansible_port: many}}", "\t- x: ]["]
)
def test_a_wrong_inventory_names_the_file_and_the_place(text: str, command: CommandLine) -> None:
    command.write_inventory(text)
    answer = command("diagnose", "--host", "web1")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert str(command.folder / "inventory.yml") in answer.stderr


def test_without_an_inventory_the_command_that_makes_one_is_said(command: CommandLine) -> None:
    answer = shell(command, "unset REMEDIATE_INVENTORY; cd $(mktemp -d) && $remediate --host web1 --dry-run")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "cp inventory.example.yml inventory.yml" in answer.stderr


PLAYBOOKS = {
    "wrong YAML": ("name: [x\n", ":"),
    "unknown remediation": ("name: x\nhosts: all\nremediations: [nope]\n", "nope"),
    "wrong type": ("name: x\nhosts: all\nremediations:\n  - tune-max-children: {process_mb: many}\n", "process_mb"),
    "unknown parameter": ("name: x\nhosts: all\nremediations:\n  - restart-service: {servises: [a]}\n", "services"),
    "unknown key": ("name: x\nhosts: all\nremedies: []\n", "remedies"),
}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_wrong_playbook_names_file_line_and_key(name: str, command: CommandLine) -> None:
    text, words = PLAYBOOKS[name]
    playbook = command.folder / "play.yml"
    playbook.write_text(text)
    answer = command("remediate", "--host", "web1", "--dry-run", "--playbook", str(playbook))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert re.search(rf"{re.escape(str(playbook))}:\d", answer.stderr), answer.stderr
    assert words in answer.stderr


@pytest.mark.parametrize(
    "words",
    [
        "remediate -h",
        "remediate --help",
        "diagnose -h",
        "verify --host web1 --help",
        "undo -h",
        "recover --host web1 -h",
    ],
)
def test_help_is_printed_and_nothing_is_done(words: str, command: CommandLine) -> None:
    answer = command(*words.split())
    assert answer.exit_code == 0
    assert "--health-url" in answer.stdout
    assert answer.stderr == ""


@pytest.mark.parametrize(
    ("words", "shown"), [("explain -h", "NAME"), ("explain --help", "NAME"), ("lab.up -h", "--variant")]
)
def test_help_of_a_verb_with_a_word_of_its_own_is_not_that_word(words: str, shown: str, command: CommandLine) -> None:
    answer = command(*words.split())
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert shown in answer.stdout


@pytest.mark.parametrize("words", ["remediate --host web1 --dry", "--dry remediate --host web1"])
def test_the_dry_mode_of_invoke_is_a_dry_run(words: str, command: CommandLine) -> None:
    answer = command(*words.split(), "--format", "json")
    assert answer.exit_code == 4
    assert answer.document["dry_run"] is True


def test_the_catalogue_and_the_explanations_name_every_remediation(command: CommandLine) -> None:
    listed = re.findall(r"^([a-z-]+): ", command("catalogue").stdout, re.M)
    assert {"limit-req", "restart-always", "restart-service", "tune-max-children", "upstream-max-fails"} <= set(listed)
    explained = command("explain", "tune-max-children")
    assert explained.exit_code == 0
    assert "process_mb" in explained.stdout


SCRIPT = {
    "--host web1 --dry-run": (4, "web1"),
    "--dry-run --host=web1": (4, "web1"),
    "diagnose --host web1": (4, "web1"),
    "--list": (0, "diagnose"),
    "--version": (0, "remediate 0."),
    "--help": (0, "catalogue"),
    "--host web1 --help": (0, "--dry-run"),
    "--help remediate": (0, "--dry-run"),
    "explain -h": (0, "NAME"),
    "": (0, "diagnose"),
}


@pytest.mark.parametrize("words", SCRIPT)
def test_the_installed_command_means_remediate_where_its_first_word_is_a_flag(words: str, command: CommandLine) -> None:
    code, shown = SCRIPT[words]
    answer = shell(command, f"$remediate {words}")
    assert answer.returncode == code, answer
    assert shown in answer.stdout
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "script",
    [
        "$invoke catalogue | head -1",
        "$invoke explain limit-req | true",
        "$remediate --help | head -1",
        "$remediate explain -h | true",
        "$invoke remediate --host web1 --dry-run | true",
        "$invoke remediate --host web1 --dry-run 2>&1 | true",
        "$invoke remediate --host nope --dry-run 2>&1 | true",
    ],
)
def test_a_reader_who_has_seen_enough_is_no_error(script: str, command: CommandLine) -> None:
    answer = shell(command, script)
    assert "Traceback" not in answer.stderr
    assert "Exception" not in answer.stderr
    assert "bug" not in answer.stderr


def test_a_reader_who_leaves_does_not_change_the_exit_code(command: CommandLine) -> None:
    answer = shell(command, "$invoke diagnose --host web1 | true; exit ${PIPESTATUS[0]}")
    assert answer.returncode == 4


@pytest.mark.parametrize("where", [">/dev/full", "--output /dev/full"])
def test_a_report_that_cannot_be_written_is_said_with_the_state_of_each_host(where: str, command: CommandLine) -> None:
    answer = shell(command, f"$invoke diagnose --host web1 {where}")
    assert answer.returncode == 1
    assert "the report was not written (No space left on device)" in answer.stderr
    assert "web1: unreachable" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_files_are_no_bug(closed: str, command: CommandLine) -> None:
    answer = shell(command, f"$invoke diagnose --host web1 {closed}")
    assert answer.returncode in (1, 4)
    assert "Traceback" not in answer.stdout + answer.stderr
    assert not list((command.folder / "state").glob("**/bug-*")) if (command.folder / "state").exists() else True


def test_bytes_that_are_no_text_and_a_poor_locale_are_no_bug(command: CommandLine) -> None:
    answer = shell(command, "$invoke diagnose --host $'caf\\xe9\\x1b[31m'", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert answer.returncode == 1
    assert "\x1b" not in answer.stderr
    assert "host pattern" in answer.stderr


def test_the_report_goes_to_the_file_and_the_last_one_is_not_cut_short(command: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("x" * 100_000)
    refused = command("diagnose", "--host", "nope", "--output", str(report))
    assert (refused.exit_code, report.stat().st_size) == (1, 100_000)
    answer = command("diagnose", "--host", "web1", "--format", "json", "--output", str(report))
    assert (answer.exit_code, answer.stdout) == (4, "")
    assert report.read_text().endswith("}\n")
    assert "x" * 10 not in report.read_text()


COLOURS = [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "0"}, False)]


@pytest.mark.parametrize(("environment", "coloured"), COLOURS)
def test_a_pipe_gets_colours_only_where_they_are_forced(
    environment: dict[str, str], coloured: bool, command: CommandLine
) -> None:
    script = "unset NO_COLOR FORCE_COLOR; " + "".join(f"export {k}={v}; " for k, v in environment.items())
    answer = shell(command, script + "$invoke diagnose --host web1")
    assert ("\x1b[" in answer.stdout) is coloured
