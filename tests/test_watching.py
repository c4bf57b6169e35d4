"""Watching: a line where something changes, none where nothing does, and a clean last one; on a real host, too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remediations import watching
from remediations.findings import Finding
from remediations.health import Health
from remediations.report.style import Style
from remediations.request import Request
from remediations.result import HostResult
from remediations.watching import State, Watch
from tests.command_line import CHECKOUT, CommandLine
from tests.lab.host import LabHost

GOOD = HostResult("web1", "ok", Health(True, 200, None, "http://x/: 200"))
DEAD = Finding("service-crashed", "php8.2-fpm.service", "certain", "it died", ())
BAD = HostResult("web1", "diagnosed", Health(False, 502, "nginx", "http://x/: status 502"), findings=(DEAD,))
GONE = HostResult("web1", "unreachable", error="web1: no route")


def watch(form: str = "text") -> Watch:
    return Watch(Request("watch", format=form), (), Style(False))


@pytest.mark.parametrize(
    ("result", "words", "code"),
    [
        (GOOD, "ok", 0),
        (BAD, "502 service-crashed php8.2-fpm.service", 3),
        (replace(GOOD, findings=(DEAD, DEAD)), "ok, service-crashed php8.2-fpm.service and 1 more", 0),
        (HostResult("web1", "failed", Health(False, None, "network", "refused")), "no answer", 3),
        (HostResult("web1", "unknown", Health(None, None, None, "no curl")), "unknown", 3),
        (GONE, "unreachable", 4),
    ],
)  # fmt: skip
def test_a_state_is_said_in_a_few_words_and_has_its_exit_code(result: HostResult, words: str, code: int) -> None:
    state = State.of(result)
    assert (state.words, state.exit_code) == (words, code)


def test_only_what_changes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = watch()
    for result in (GOOD, GOOD, BAD, BAD, GONE, GOOD):
        told.told(result)
    told.end("web1", 6)
    told.end("never-seen", 0)
    lines = [line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "web1  ok  (http://x/: 200)",
        "web1  ok -> 502 service-crashed php8.2-fpm.service  (it died)",
        "web1  502 service-crashed php8.2-fpm.service -> unreachable  (web1: no route)",
        "web1  unreachable -> ok  (http://x/: 200)",
        "web1  still ok  (after 6 looks)",
    ]


def test_json_is_one_object_a_line_with_where_from_and_where_to(capsys: pytest.CaptureFixture[str]) -> None:
    told = watch("json")
    for result in (GOOD, BAD):
        told.told(result)
    first, change = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["event"], first["from"], first["to"]["ok"]) == ("first", None, True)
    assert set(change) == {"time", "host", "event", "from", "to", "text"}
    assert change["from"] == first["to"]
    assert change["to"]["findings"] == [{"cause": "service-crashed", "subject": "php8.2-fpm.service"}]


def test_secrets_and_control_characters_of_a_host_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    summary = "http://x/?token=hunter2hunter2: \x1b[31m\nstatus 502"
    watch().told(HostResult("web1", "failed", Health(False, 502, None, summary)))
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "\x1b" not in out
    assert out.count("\n") == 1


def test_more_hosts_than_can_be_watched_are_refused() -> None:
    from remediations.errors import UsageError
    from remediations.journeys.watch import Watching

    one = object.__new__(Watching)
    with pytest.raises(UsageError, match="up to 128 hosts"):
        watching.watch(Request("watch"), [one] * 129)


def test_a_host_is_watched_over_a_lost_connection_until_somebody_interrupts(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    words = [sys.executable, "-m", "invoke", "watch", "--host", "web1", "--every", "2s", "--for", "90s"]
    with subprocess.Popen(
        [*words, "--format", "json"],
        cwd=CHECKOUT,
        env=command.surroundings(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr

        def heard() -> dict[str, object]:
            line: dict[str, object] = json.loads(process.stdout.readline())  # type: ignore[union-attr]  # asserted above
            return line

        assert heard()["event"] == "first"
        web1.sh("systemctl stop php8.2-fpm")
        assert heard()["to"] == {
            "status": "diagnosed", "ok": False, "http": 502, "layer": "nginx",
            "findings": [{"cause": "service-stopped", "subject": "php8.2-fpm.service"}],
        }  # fmt: skip
        web1.sh("pkill -f '[s]shd: root@notty'; systemctl start php8.2-fpm")
        back = heard()
        assert (back["event"], back["to"]["ok"]) == ("change", True)  # type: ignore[index]  # an object, says the contract
        process.send_signal(signal.SIGINT)
        assert heard()["event"] == "last"
        assert process.wait(20) == 130
        assert "the connection was lost; connecting again" in process.stderr.read()


def test_a_time_ends_it_with_the_code_of_the_last_state(tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.write_inventory("all: {hosts: {web1: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    answer = command("watch", "--host", "web1", "--every", "2s", "--for", "3s")
    assert answer.exit_code == 4, answer
    assert [line.split("  ")[2] for line in answer.stdout.splitlines()] == ["unreachable", "still unreachable"]
