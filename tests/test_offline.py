"""`diagnose --from`: the report of a live diagnosis, of hosts that nobody reaches; `--save`: all of it or nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from remediations import command_words, diagnosis, health, reach, run, saving
from remediations.bundle import archive, evidence
from remediations.errors import UsageError
from remediations.plan import Plan
from remediations.report import json as json_report
from remediations.result import HostResult
from remediations.snapshot import Snapshot
from remediations.survey import Survey
from tests import contract
from tests.causes.recorded import snapshot
from tests.command_line import CommandLine

RUN = "20261122T130500Z-7f3a9c"
DOWN = HostResult("web2", "unreachable", error="web2: connect to 10.0.0.1:22: connection refused")


def live(name: str) -> tuple[HostResult, Snapshot]:
    """The diagnosis of a recorded host, as a run has it."""
    host = snapshot(name)
    judged = health.judge(host.answers, host.unasked)
    survey = Survey(host, judged, diagnosis.diagnose(host), Plan(host.host), None)
    return survey.result(diagnose_only=True), host


def kept(path: Path, *results: HostResult, **known: Snapshot) -> list[str]:
    with saving.opened(path) as save:
        return list(saving.keep(save, RUN, results, known, "report\n"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """One host with a fault, one that could not be reached."""
    result, host = live("service-crashed")
    path = tmp_path / "bundle.tar.gz"
    said = kept(path, result, DOWN, web1=host)
    assert said == ["holds the evidence of web1, secrets masked"]
    return path


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Carries out a command line whose process has no network at all, nor an inventory."""

    def nowhere(*_: object, **__: object) -> None:
        raise AssertionError("a socket was made")

    def carried_out(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(socket, "socket", nowhere)
        request = command_words.guess(["diagnose", *words])
        assert request is not None
        reached = reach.reach(request)
        code = run.run(request, reached.hosts, reached.connections)
        return code, capsys.readouterr().out

    monkeypatch.setenv("REMEDIATE_INVENTORY", "/nowhere.yml")
    return carried_out


def test_the_report_is_the_same_without_the_host_and_without_a_network(
    again: Callable[..., tuple[int, str]], bundle: Path
) -> None:
    code, out = again("--from", str(bundle), "--format", "json")
    document = json.loads(out)
    contract.check(document)
    then = json.loads(json_report.render(RUN, [live("service-crashed")[0], DOWN], dry_run=True))
    assert code == 4
    for one, was in zip(document["hosts"], then["hosts"], strict=True):
        note, *others = one.pop("notes")
        assert one | {"notes": others} == was
        assert f"from: {bundle}, gathered 20" in note
        assert f"in run {RUN}" in note


def test_the_text_names_the_host_the_bundle_and_the_version(
    again: Callable[..., tuple[int, str]], bundle: Path
) -> None:
    code, out = again("--from", str(bundle), "--host", "web1")
    assert code == 0
    assert out.startswith("web1  diagnosed\n")
    assert f"  from    {bundle}, gathered " in out
    assert "by remediate 0." in out
    assert "web2" not in out
    assert again("--from", str(bundle), "--host", "web1", "--detailed-exitcode")[0] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "nope"), "host pattern nope: matches no host"),
        (("--host", "web*,!web1,!web2"), "no host is left"),
    ],
)
def test_a_host_that_is_not_in_the_bundle_is_told(
    words: tuple[str, ...], said: str, again: Callable[..., tuple[int, str]], bundle: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        again("--from", str(bundle), *words)
    assert said in str(caught.value)
    assert str(bundle) in str(caught.value)


def test_hosts_are_chosen_by_the_patterns_that_an_inventory_takes(
    again: Callable[..., tuple[int, str]], bundle: Path
) -> None:
    _, out = again("--from", str(bundle), "--host", "web*,!web1", "--format", "json")
    assert [host["host"] for host in json.loads(out)["hosts"]] == ["web2"]


def test_a_healthy_host_is_as_healthy_in_a_bundle(again: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    result, host = live("healthy")
    kept(tmp_path / "b", result, web1=host)
    code, out = again("--from", str(tmp_path / "b"))
    assert (code, out.split("\n")[0]) == (0, "web1  healthy, nothing to do")


REFUSED = {
    "--from x --save y": "--save cannot be meant",
    "--from x --inventory y": "--inventory cannot be meant",
    "--from x --playbook harden": "--playbook cannot be meant",
    "--from x --health-url http://x/": "--health-url cannot be meant",
    "--from x --known-hosts y --host-key-checking no": "--known-hosts, --host-key-checking cannot be meant",
    "--from x --forks 4": "--forks cannot be meant",
    "--host web1 --save -": "a bundle goes to a file",
    "--host web1 --save x --output ./x": "--output names the same file",
    "--save --host web1": "--save: a value is missing",
    "--from": "--from: a value is missing",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_meant_is_refused(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        command_words.guess(["diagnose", *words.split()])
    assert REFUSED[words] in str(caught.value)


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    (tmp_path / "empty").touch()
    said: Mapping[str, str] = {
        "/nowhere": "--from /nowhere: No such file or directory",
        "/tmp": "--from /tmp: Is a directory",
        str(tmp_path / "empty"): "it is empty",
        "README.md": "it is neither a bundle of --save nor a log",
        "tests/causes/recorded/healthy.json.gz": "it is neither a bundle of --save nor a log",
    }
    for name, words in said.items():
        answer = command("diagnose", "--from", name)
        assert (answer.exit_code, answer.stdout) == (1, ""), answer
        assert words in answer.stderr
        assert len(answer.stderr.strip().splitlines()) == 1
    answer = command("diagnose", "--from", "-", stdin="2026/11/22 13:05:00 [notice] 7#7: start\n")
    assert (answer.exit_code, answer.stdout.split("\n")[0]) == (3, "stdin  state unknown"), answer
    assert "--from" in command("diagnose", "-h").stdout


# --- saving ---


PLACES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "folder": (Path.mkdir, "Is a directory"),
    "pipe": (os.mkfifo, "is no plain file"),
    "device": (lambda path: path.symlink_to("/dev/null"), "is no plain file"),
    "missing/bundle": (lambda _: None, "No such file or directory"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_can_hold_no_file_is_told_before_any_host_is_asked(name: str, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.write_inventory("all: {hosts: {web1: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    make, said = PLACES[name]
    make(tmp_path / name)
    answer = command("diagnose", "--host", "web1", "--save", str(tmp_path / name))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert f"--save {tmp_path / name}: {said}" in answer.stderr
    assert not list(tmp_path.glob(".*"))


def test_what_was_there_is_replaced_as_a_whole_and_a_link_stays_a_link(tmp_path: Path) -> None:
    place, link = tmp_path / "bundle", tmp_path / "link"
    place.write_bytes(b"x" * 1_000_000)
    link.symlink_to(place)
    kept(link, DOWN)
    assert link.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_size < 10_000
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "link"]


def test_a_run_that_ends_before_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    place.write_bytes(b"the last one")
    with pytest.raises(KeyboardInterrupt), saving.opened(place):
        raise KeyboardInterrupt
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("bundle", b"the last one")]


def test_a_full_disk_is_told_and_half_a_bundle_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report has been told by then; the exit code says that something was lost."""
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("all: {hosts: {web1: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    words = ["diagnose", "--host", "web1", "--inventory", str(inventory), "--save", str(tmp_path / "bundle")]
    request = command_words.guess(words)
    assert request is not None

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    reached = reach.reach(request)
    assert run.run(request, reached.hosts, reached.connections) == 1
    said = capsys.readouterr()
    assert "could not be reached" in said.out
    assert "bundle was not written: No space left on device" in said.err
    assert [each.name for each in tmp_path.iterdir()] == ["inventory.yml"]


def test_a_bundle_that_could_not_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediations.bundle.archive.MOST_BYTES", 100)
    with pytest.raises(OSError, match="it would hold more than"):
        kept(tmp_path / "bundle", DOWN)
    assert not list(tmp_path.iterdir())


def test_facts_that_no_file_can_hold_are_told(tmp_path: Path) -> None:
    result, host = live("healthy")
    odd = dataclasses.replace(host, machine=dataclasses.replace(host.machine, memory_total=float("nan")))  # type: ignore[arg-type]  # whatever a host says
    with pytest.raises(OSError, match="JSON"):
        kept(tmp_path / "bundle", result, web1=odd)
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_interrupted_keeps_the_bundle_of_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, place = tmp_path / "inventory.yml", tmp_path / "bundle"
    inventory.write_text("all: {hosts: {web2: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    place.write_bytes(b"the last one")
    words = ["diagnose", "--host", "web2", "--inventory", str(inventory), "--save", str(place)]
    request = command_words.guess(words)
    assert request is not None
    hosts = reach.reach(request).hosts
    monkeypatch.setattr(run, "_carry_out", lambda *_: ((DOWN,), True))
    assert run.run(request, hosts, {}) == 130
    assert place.read_bytes() == b"the last one"
    monkeypatch.setattr(run, "_carry_out", lambda *_: ((DOWN,), False))
    assert run.run(request, hosts, {}) == 4
    assert place.read_bytes() != b"the last one"


def test_where_a_mask_hides_what_mattered_it_is_said(tmp_path: Path) -> None:
    """As where the name of a backend looks like that of a secret."""
    result, host = live("apps-stopped")
    site = host.files["/etc/nginx/sites-enabled/api"]
    hidden = host.with_file(site.real_path, site.data.replace(b"server 127", b"server token=127"))
    _, said = kept(tmp_path / "bundle", result, web1=hidden)
    assert said.startswith("web1: since secrets are masked, --from will find ")
    assert said.endswith("its report.txt is right")


def test_the_report_that_was_told_then_is_in_it(bundle: Path) -> None:
    members = archive.members(archive.unpack(bundle.read_bytes()))
    assert members["report.txt"] == b"report\n"
    assert b"diagnose --from" in members["README.txt"]
    assert evidence.SCHEMA == json.loads(members["manifest.json"])["schema"] == 1
