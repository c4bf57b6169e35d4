"""Planted secrets: none of them appears in what we print, log or pass to a program, whatever we do on the host."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remediations import bugs
from tests.command_line import Answer, CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.features import DEPLOY_PASSWORD
from tests.lab.host import LabHost

CANARY = "c4nary-of-"
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
    return CommandLine(tmp_path, {"REMEDIATE_BECOME_PASSWORD": DEPLOY_PASSWORD})


def plant(host: LabHost) -> None:
    """Beside what will be edited, so that it stands in the context of every diff, and in logs and units."""
    api = host.read(API).decode()
    host.write(API, api.replace("proxy_set_header Host $host;\n", NGINX_LINES, 1).encode())
    planted = f"env[SECRET] = {CANARY}pool\\n&\\nphp_admin_value[x.password] = {CANARY}ini"
    host.sh(f"sed -i 's/^pm.max_children = .*/{planted}/' {POOL}")
    host.sh(f"sed -i 's/^\\[Service\\]/&\\nEnvironment=API_TOKEN={CANARY}unit/' {UNIT}; systemctl daemon-reload")
    host.sh("systemctl restart app@8001 app@8002 php8.2-fpm; nginx -t 2>/dev/null && systemctl reload nginx; sleep 1")
    faults.service_stopped(host)
    host.get("shop.example", f"/?token={CANARY}query")
    host.sh("cat >>/var/log/nginx/error.log", stdin=host.sh("tail -n 1 /var/log/nginx/error.log") + EVIL + b"\n")


@contextmanager
def watched_arguments() -> Iterator[list[str]]:
    """All words of all processes of this machine that hold a planted secret, while the block runs."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue  # it ended meanwhile
                if CANARY.encode() in words or DEPLOY_PASSWORD.encode() in words:
                    seen.append(words.decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


EVERYTHING = "upstream-max-fails,tune-max-children,limit-req,restart-always,restart-service"
SIZES = ("--set", "tune-max-children.process_mb=50", "--set", "tune-max-children.available_mb=2000")


def test_no_secret_of_a_host_is_shown_kept_or_passed_on(lab_host: LabHostFactory, command: CommandLine) -> None:
    host = lab_host("web1", variant="sudo-password")
    command.knows(host)
    plant(host)
    wanted = ("--host", "web1", "--only", EVERYTHING, *SIZES)
    with watched_arguments() as seen:
        answers = [
            command("diagnose", "--host", "web1"),
            command("remediate", *wanted, "--dry-run"),
            command.json("remediate", *wanted, "--dry-run"),
            command("remediate", *wanted, "--yes"),
            command.json("remediate", *wanted, "--yes"),
        ]
    assert [answer.exit_code for answer in answers] == [0] * 5, answers
    for answer in answers:
        check_output(answer)
    assert seen == []
    shown = answers[1].stdout
    assert "env[SECRET] = ***" in shown, shown
    assert "proxy_set_header Authorization ***; set $upstream_token ***;\n" in shown, shown
    assert "proxy_set_header X-Api-Key\n                 ***;\n" in shown, shown
    check_state(command.folder / "state")


def check_output(answer: Answer) -> None:
    for text in (answer.stdout, answer.stderr):
        assert CANARY not in text
        assert DEPLOY_PASSWORD not in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


def check_state(folder: Path) -> None:
    """Before-images and the way back hold a host's bytes as they are, and are for their owner alone."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert DEPLOY_PASSWORD.encode() not in path.read_bytes()
        if path.suffix == ".log":
            assert CANARY.encode() not in path.read_bytes()
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
