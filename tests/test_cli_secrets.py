"""Planted secrets: none of them appears in what we print, log or pass to a program, whatever we do on the host."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from remediations import bugs
from tests.canaries import Sighting, records, watched
from tests.command_line import Answer, CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.features import DEPLOY
from tests.lab.host import LabHost
from tests.patience import eventually

CANARY = f"c4nary-{secrets.token_hex(4)}-of-"
PASSWORD = f"{CANARY}sudo"
"""Of this process alone: other tests plant theirs at the same time, and all processes are watched."""
API = "/etc/nginx/sites-available/api"
POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
UNIT = "/etc/systemd/system/app@.service"
NGINX_LINES = f"""proxy_set_header Host $host; # DB_PASSWORD={CANARY}comment
        proxy_set_header Authorization "Basic {CANARY}header"; set $upstream_token "{CANARY}variable";
        proxy_set_header X-Api-Key
            {CANARY}next-line;
"""
"""The last three lines are what a diff of the lines below them shows."""
EVIL = b"\x1b[2J\x1b]0;owned\x07\xe2\x80\xae"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def plant(host: LabHost) -> None:
    """Beside what will be edited, so that it stands in the context of every diff, and in logs and units."""
    host.sh("chpasswd", stdin=f"{DEPLOY}:{PASSWORD}\n".encode())
    api = host.read(API).decode()
    host.write(API, api.replace("proxy_set_header Host $host;\n", NGINX_LINES, 1).encode())
    planted = f"env[SECRET] = {CANARY}pool\\n&\\nphp_admin_value[x.password] = {CANARY}ini"
    host.sh(f"sed -i 's/^pm.max_children = .*/{planted}/' {POOL}")
    host.sh(f"sed -i 's/^\\[Service\\]/&\\nEnvironment=API_TOKEN={CANARY}unit/' {UNIT}; systemctl daemon-reload")
    host.sh("systemctl restart app@8001 app@8002 php8.2-fpm")
    host.reload_nginx()
    faults.service_stopped(host)
    host.get("shop.example", f"/?token={CANARY}query")
    host.sh("cat >>/var/log/nginx/error.log", stdin=host.sh("tail -n 1 /var/log/nginx/error.log") + EVIL + b"\n")


EVERYTHING = "upstream-max-fails,tune-max-children,limit-req,restart-always,restart-service"
SIZES = ("--set", "tune-max-children.process_mb=50", "--set", "tune-max-children.available_mb=2000")

SOON = ("--settle", "0.5")


def know(command: CommandLine, host: LabHost, /, **health: object) -> None:
    """With secrets of its own: the sudo password, a token in the URL that is asked, a variable nobody reads."""
    asked = {"url": f"http://127.0.0.1/?access_token={CANARY}url", "host": "shop.example", **health}
    command.knows(host, ansible_become_password=PASSWORD, health=asked, db_password=f"{CANARY}variable")


def test_no_secret_of_a_host_is_shown_kept_or_passed_on(lab_host: LabHostFactory, command: CommandLine) -> None:
    """A dry run, an apply, and its undo."""
    host = lab_host("web1", variant="sudo-password")
    know(command, host)
    plant(host)
    wanted = ("--host", "web1", "--only", EVERYTHING, *SIZES)
    with watched(CANARY, planted_in=(APP,)) as seen:
        answers = [
            command("diagnose", "--host", "web1"),
            command("remediate", *wanted, "--dry-run"),
            command.json("remediate", *wanted, "--dry-run"),
            command("remediate", *wanted, "--yes", *SOON),
            command.json("remediate", *wanted, "--yes", *SOON),
            command("history", "--host", "web1"),
            command("undo", "--host", "web1", "--dry-run"),
            command.json("undo", "--host", "web1", "--yes", *SOON),
            command.json("history", "--host", "web1"),
        ]
    assert [answer.exit_code for answer in answers] == [0] * 9, answers
    check(command, host, answers, seen)
    shown = answers[1].stdout
    assert "env[SECRET] = ***" in shown, shown
    assert "proxy_set_header Authorization ***; set $upstream_token ***;\n" in shown, shown
    assert "proxy_set_header X-Api-Key\n                 ***;\n" in shown, shown


def test_a_run_that_fails_tells_no_secret_either(lab_host: LabHostFactory, command: CommandLine) -> None:
    """Rolled back, refused, a sudo password that is wrong, and a bug of ours in the midst of it."""
    host = lab_host("web1", variant="sudo-password")
    know(command, host, contains="no such text")
    plant(host)
    wanted = ("remediate", "--host", "web1", "--only", EVERYTHING, *SIZES, "--yes", *SOON)
    ways: dict[int, list[Answer]] = {}
    with watched(CANARY, planted_in=(APP,)) as seen:
        for form in ("text", "json"):
            ways.setdefault(3, []).extend([command.impatient(*wanted, "--format", form)])
            ways[3].append(command(*wanted, "--plan", "0" * 16, "--format", form))
            ways.setdefault(70, []).append(command(*wanted, "--format", form, module="tests.broken"))
        command.knows(host, ansible_become_password=f"{CANARY}wrong")
        ways[3].append(command(*wanted))
    for code, answers in ways.items():
        assert [answer.exit_code for answer in answers] == [code] * len(answers), answers
        check(command, host, answers, seen)
    assert "rolled back" in ways[3][0].stdout
    assert "refused" in ways[3][1].stdout
    assert list((command.folder / "state" / "remediate").glob("bug-*.log"))


def test_the_watch_sees_arguments_and_environments_on_this_side_and_on_a_host(web1: LabHost) -> None:
    with watched(CANARY) as seen:
        argument, environment = f"sh -c 'sleep 60; : {CANARY}argument'", f"X={CANARY}environment sleep 60"
        web1.sh(f"{{ {argument} & {environment} & }} </dev/null >/dev/null 2>&1")
        eventually(lambda: len({sighting.place for sighting in seen}) == 2)
    assert {"cmdline", "environ"} == {sighting.place for sighting in seen}


APP = "php -S"


def check(command: CommandLine, host: LabHost, answers: Sequence[Answer], seen: set[Sighting]) -> None:
    for answer in answers:
        check_output(answer)
    assert not seen
    check_state(command.folder / "state")
    kept = records(host)
    assert "state COMMITTED" in kept or "ROLLED_BACK" in kept or "COMMITTED" in kept
    for line in kept.split("\n"):
        assert CANARY not in line, line


def check_output(answer: Answer) -> None:
    for text in (answer.stdout, answer.stderr):
        assert CANARY not in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


def check_state(folder: Path) -> None:
    """Before-images and the way back hold a host's bytes as they are, and are for their owner alone."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert PASSWORD.encode() not in path.read_bytes()
        if path.name == "report.json" or path.suffix == ".log":
            assert CANARY.encode() not in path.read_bytes(), path
    for path in (path for path in folder.rglob("*") if path.is_dir() and path != folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_a_refusal_quotes_a_broken_file_without_its_secret(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    web1.write("/etc/nginx/conf.d/typo.conf", f"proxy_set_haeder Authorization {CANARY}x;\n".encode())
    web1.sh("systemctl stop nginx")
    for answer in (command("diagnose", "--host", "web1"), command.json("remediate", "--host", "web1", "--yes")):
        check_output(answer)
        assert "proxy_set_haeder" in answer.stdout


def test_the_log_of_a_bug_is_private_and_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        raise ValueError(f"fastcgi_param DB_PASSWORD {CANARY}x; \x1b[2J")
    except ValueError:
        log = bugs.keep_traceback()
    assert log is not None
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "ValueError: fastcgi_param DB_PASSWORD ***" in log.read_text()
    assert not {CANARY, "\x1b"} & set(log.read_text().split())


@pytest.mark.parametrize("wrapped", [str, str.encode, repr, lambda text: {"path": {"data": text.encode()}}])
def test_a_bug_that_quotes_a_file_in_one_line_tells_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: Callable[[str], object]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for text in (
        NGINX_LINES,
        f"[Service]\nEnvironment=API_TOKEN={CANARY}unit\n",
        f"env[SECRET] = {CANARY}pool\npm = 1\n",
    ):
        try:
            raise KeyError(wrapped(text))
        except KeyError:
            log = bugs.keep_traceback()
        assert log is not None
        assert CANARY not in log.read_text()
        assert "in test_a_bug_that_quotes" in log.read_text()
