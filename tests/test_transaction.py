"""The transaction: what the host's words mean, who undoes when nobody confirms, and what is judged in place."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from remediations import proof
from remediations.connections.base import CommandResult
from remediations.errors import ConnectionLostError, HostAnswerError
from remediations.payload import DECODE
from remediations.remote import program
from remediations.transaction import read
from tests.conftest import LabHostFactory
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, OnHost, create, files_of, leftovers, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")
CONF_D = "/etc/nginx/conf.d"


def headers(host: LabHost) -> bytes:
    return host.sh("curl -si -m 10 -H 'Host: shop.example' http://127.0.0.1/")


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


# --- the host's words ---


def said(text: str) -> CommandResult:
    return CommandResult(0, text.encode(), b"")


def test_the_state_is_what_the_host_said_last_and_unknown_where_it_said_none() -> None:
    assert read(said("swapped /a\nstate await\n")).state == "await"
    assert read(said("swapped /a\n")).state == "unknown"
    assert read(said("state fine\n")).state == "unknown"
    assert read(said("")).state == "unknown"


def test_every_failure_is_told_with_the_programs_words_before_it() -> None:
    outcome = read(
        said("| one\n| two\nfailed reload x: exit code 1\n| three\nfailed the files are back\nstate needs_human\n")
    )
    assert outcome.failure == "reload x: exit code 1; one; two; then: the files are back; three"


def test_text_of_programs_is_never_taken_for_the_hosts_own_words() -> None:
    outcome = read(said("| state committed\n| failed no\nstate rolled_back\n"))
    assert (outcome.state, outcome.failure) == ("rolled_back", None)


# --- cut off ---

SESSION = "pkill -KILL -f '^sshd: (root|deploy)'"
ONCE_STAGED = "until find /etc -name '.*.remediate-*' | grep -q .; do sleep 0.1; done; sleep 1"


def undone(host: LabHost, before: list[str]) -> None:
    eventually(lambda: not leftovers(host) and headers(host).count(b"X-Edited") == 0)
    assert changed_files(files_of(host, "/etc"), before) == set()
    host.sh("nginx -t")


def changed_files(now: list[str], before: list[str]) -> set[str]:
    """Everything but the times of folders, which a rename in them moves."""
    return {line for line in set(now) ^ set(before) if "|d|" not in line}


@pytest.mark.parametrize("variant", ["", "sudo-user"])
def test_a_connection_that_is_cut_in_await_undoes(lab_host: LabHostFactory, variant: str) -> None:
    host = lab_host("web1", variant)
    before = files_of(host, "/etc")
    with on(host) as at:
        assert at.begin(at.edit(SITE, HEADER), at.act("reload", NGINX)).state == "await"
        assert b"X-Edited: yes" in headers(host)
        host.sh(SESSION)
        undone(host, before)


@pytest.mark.parametrize(
    ("step", "slow"),
    [
        ("staging", ("decode >\"$new\"", "decode >\"$new\"; say staged; sleep 3")),
        ("between swaps", ("say \"swapped $1\"", "say \"swapped $1\"; sleep 3")),
        ("acting", ("say \"acted $action ${unit:-pid $pid}\"", "say acted; sleep 3")),
    ],
    ids=["staging", "between-swaps", "acting"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["session", "shell"])
def test_a_connection_that_is_cut_on_the_way_undoes(
    web1: LabHost, monkeypatch: pytest.MonkeyPatch, step: str, slow: tuple[str, str], how: str
) -> None:
    """The sshd of the session dies, or the shell itself gets SIGTERM; three seconds are held open to do it in."""
    text = program("apply")
    assert text.count(slow[0]) == 1, step
    monkeypatch.setattr("remediations.transaction.program.program", lambda _: text.replace(*slow))
    before = files_of(web1, "/etc")
    with on(web1) as at:
        changes = (at.edit(SITE, HEADER), at.append(POOL, b"; x\n"), at.act("reload", NGINX))
        kill = SESSION if how == "session" else "pkill -TERM -x sh"
        web1.sh(f"setsid -f sh -c {shlex.quote(f'{ONCE_STAGED}; exec {kill}')} </dev/null >/dev/null 2>&1")
        with pytest.raises((ConnectionLostError, HostAnswerError)):
            at.begin(*changes, settle=3)
    undone(web1, before)


def test_silence_undoes_when_the_time_is_over(web1: LabHost) -> None:
    """The half-open case: nobody closes anything, nobody confirms."""
    before = files_of(web1, "/etc")
    with on(web1) as at:
        transaction = at.transaction(at.edit(SITE, HEADER), at.act("reload", NGINX), confirm_within=2)
        assert transaction.begin().state == "await"
        undone(web1, before)
        late = transaction.confirm()
        assert (late.state, late.failure) == ("rolled_back", "nobody confirmed in time")
        assert transaction.confirm().state == "rolled_back", "asked again it says the same"
    undone(web1, before)


def test_a_confirm_while_the_watchdog_undoes_waits_for_it(web1: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    text = program("apply").replace("others=$(foreign)\n  if", "sleep 4; others=$(foreign)\n  if")
    assert "sleep 4" in text
    monkeypatch.setattr("remediations.transaction.program.program", lambda _: text)
    with on(web1) as at:
        transaction = at.transaction(at.edit(SITE, HEADER), confirm_within=1)
        assert transaction.begin().state == "await"
        time.sleep(2.5)
        assert transaction.confirm().state == "rolled_back"
    assert b"X-Edited" not in web1.read(SITE)


def test_what_was_confirmed_stays_when_the_connection_ends(web1: LabHost) -> None:
    with on(web1) as at:
        assert at.commit(at.edit(SITE, HEADER), at.act("reload", NGINX), confirm_within=6).state == "committed"
    time.sleep(8)
    assert b"X-Edited: yes" in headers(web1)


# --- judged in place ---


def unproven(at: OnHost, *what: object) -> dict[str, object]:
    return {"validators": proof.validators(at.snapshot, at.plan(*what))}  # type: ignore[arg-type]  # files and actions


def test_what_could_not_be_proven_is_judged_before_the_reload(web1: LabHost) -> None:
    workers = web1.sh("pgrep -P $(cat /run/nginx.pid)")
    before = files_of(web1, "/etc")
    with on(web1) as at:
        for bad in (
            (at.edit(SITE, (b"server_name", b"sevrer_name")), at.act("reload", NGINX)),
            (at.edit(POOL, (b"pm.max_children = 5", b"pm.max_children = 0")), at.act("reload", FPM)),
            (
                create("/etc/systemd/system/nginx.service.d/x.conf", b"[Service]\nRestart=maybe\n"),
                at.act("daemon-reload"),
            ),
        ):
            outcome = at.begin(*bad, **unproven(at, *bad))
            assert outcome.state == "rolled_back", outcome
            assert "the live configuration does not validate" in str(outcome.failure)
            assert outcome.did("acted") == ()
        good = (at.edit(SITE, HEADER), at.act("reload", NGINX))
        assert web1.sh("pgrep -P $(cat /run/nginx.pid)") == workers, "nothing was reloaded"
        assert changed_files(files_of(web1, "/etc"), before) == set()
        assert at.commit(*good, **unproven(at, *good)).state == "committed"


def test_an_old_warning_does_not_undo_what_is_judged_in_place(web1: LabHost) -> None:
    web1.write("/etc/php/8.2/fpm/conf.d/99-x.ini", b"extension=nosuch\n")
    with on(web1) as at:
        change = (at.append(POOL, b"; x\n"), at.act("reload", FPM))
        assert at.commit(*change, **unproven(at, *change)).state == "committed"


def test_a_tree_that_did_not_validate_is_not_reloaded_on_the_way_back(web1: LabHost) -> None:
    web1.write(f"{CONF_D}/broken.conf", b"nonsense;\n")
    workers = web1.sh("pgrep -P $(cat /run/nginx.pid)")
    with on(web1) as at:
        change = (at.edit(SITE, HEADER), at.act("reload", NGINX))
        outcome = at.begin(*change, **unproven(at, *change))
        assert outcome.state == "rolled_back", outcome
        assert "nonsense" in str(outcome.failure)
        repaired = (at.edit(f"{CONF_D}/broken.conf", (b"nonsense;\n", b"# nonsense\n")), at.act("reload", NGINX))
        assert web1.sh("pgrep -P $(cat /run/nginx.pid)") == workers
        assert at.commit(*repaired, **unproven(at, *repaired)).state == "committed"


def test_a_daemon_that_refuses_the_old_tree_too_is_left_running(web1: LabHost) -> None:
    """The baseline was known to be bad: a reload on the way back could only fail."""
    web1.write(f"{CONF_D}/broken.conf", b"nonsense;\n")
    with on(web1) as at:
        outcome = at.begin(at.edit(SITE, HEADER), at.act("reload", NGINX), baseline_valid=False)
    assert outcome.state == "rolled_back", outcome
    assert web1.get("shop.example").status == 200


@pytest.mark.parametrize("there", [b"", None], ids=["an-empty-one-was-there", "none-was-there"])
def test_a_stopped_nginx_gets_no_empty_pid_file_from_its_test(web1: LabHost, there: bytes | None) -> None:
    web1.sh("systemctl stop nginx")
    if there is not None:
        web1.write("/run/nginx.pid", there)
    with on(web1) as at:
        change = at.edit(SITE, HEADER)
        assert at.commit(change, **unproven(at, change)).state == "committed"
    assert web1.testinfra.file("/run/nginx.pid").exists == (there is not None)


def test_logs_that_a_test_in_place_creates_are_as_nginx_makes_them(web1: LabHost) -> None:
    with on(web1) as at:
        change = create(f"{CONF_D}/x.conf", b"access_log /var/log/nginx/new.log;\n")
        assert at.commit(change, **unproven(at, change)).state == "committed"
    assert web1.testinfra.file("/var/log/nginx/new.log").mode == 0o644


# --- the shells ---


SHELLS = {"dash": ["dash"], "bash --posix": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
PARTS = """
run=test baseline=valid settle_for=0
{apply}
{decode}
cd "$1" && was=$(hash_of a) || exit 3
sha=$(printf 'new\\n' | sha256sum | cut -c1-64)
lock() {{ :; }}
main() {{
  precheck "$1/a" "$was" || return 0
  precheck "$1/deep/b" absent || return 0
  {{ stage "$1/a" "$was" "$sha" 644 "$(id -u)" || return 0; }} <<'END'
bmV3Cg==
END
  {{ stage "$1/deep/b" absent "$sha" 644 "$(id -u)" || return 0; }} <<'END'
bmV3Cg==
END
  state=open
  swap "$1/a" "$was" "$sha" || {{ undo; return 0; }}
  swap "$1/deep/b" absent "$sha" || {{ undo; return 0; }}
  settle
  await "$2"
}}
main "$1" "$2"
"""


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(SHELLS[name][0])])
@pytest.mark.parametrize("end", ["confirm", "undo", "exit", "kill -TERM $$; sleep 1", "sleep 4; confirm"])
def test_every_shell_ends_a_transaction_alike(tmp_path: Path, shell: str, end: str) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    (tmp_path / "a").chmod(0o640)
    inode = (tmp_path / "a").stat().st_ino
    text = PARTS.format(apply=program("apply"), decode=DECODE) + end + "\n"
    within = "1" if end.startswith("sleep") else "30"
    done = subprocess.run(
        [*SHELLS[shell], "-s", str(tmp_path), within], input=text.encode(), capture_output=True, timeout=60, check=False
    )
    lines = done.stdout.decode().splitlines()
    names = sorted(path.name for path in tmp_path.rglob("*"))
    if end == "confirm":
        assert lines[-1] == "state committed", done
        assert ((tmp_path / "a").read_bytes(), names) == (b"new\n", ["a", "b", "deep"])
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    else:
        assert lines[-1] == "state rolled_back", done
        assert ((tmp_path / "a").read_bytes(), names) == (b"old\n", ["a"])
        assert (tmp_path / "a").stat().st_ino == inode


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(SHELLS[name][0])])
def test_a_signal_in_the_middle_of_an_undo_does_not_halve_it(tmp_path: Path, shell: str) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    slow = program("apply").replace('say "restored $path"', 'say "restored $path"; sleep 1')
    text = PARTS.format(apply=slow, decode=DECODE) + "(sleep 0.5; kill -TERM $$) & undo\n"
    done = subprocess.run(
        [*SHELLS[shell], "-s", str(tmp_path), "30"], input=text.encode(), capture_output=True, timeout=60, check=False
    )
    assert done.stdout.decode().splitlines()[-1] == "state rolled_back", done
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old\n"}


def test_the_programs_are_plain_posix_sh() -> None:
    folder = Path(__file__).parents[1] / "remediations" / "remote"
    files = sorted(str(path) for path in folder.glob("*.sh"))
    assert len(files) == 2
    done = subprocess.run(["shellcheck", "-s", "sh", *files], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode()
