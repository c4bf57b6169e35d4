"""The transaction: what the host's words mean, what is judged in place, and that the program is plain POSIX sh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from remediations import proof
from remediations.connections.base import CommandResult
from remediations.remote import program
from remediations.transaction import read
from remediations.transaction.program import PARTS
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, POOL, SITE, OnHost, create, files_of, on

HEADER = (b"    index index.php;\n", b"    index index.php;\n    add_header X-Edited yes;\n")
CONF_D = "/etc/nginx/conf.d"


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


def changed_files(now: list[str], before: list[str]) -> set[str]:
    """Everything but the times of folders, which a rename in them moves."""
    return {line for line in set(now) ^ set(before) if "|d|" not in line}


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
FILES = """
{parts}
cd "$1" && run=test sha=$(printf 'new\\n' | sha256sum | cut -c1-64) was=$(hash_of a)
printf '1 %s %s 644 0:0 %s\\n2 absent %s 644 0:0 %s\\n' "$was" "$sha" "$1/a" "$sha" "$1/deep/b" >ops
mkdir after; printf 'new\\n' >after/1; cp after/1 after/2; : >state.PREPARED; : >emptied
keep && stage 1 "$was" "$sha" 644 0:0 "$1/a" && stage 2 absent "$sha" 644 "$(id -u):$(id -g)" "$1/deep/b" || exit 3
mv state.PREPARED state.SWAPPING
swap "$was" "$sha" "$1/a" && swap absent "$sha" "$1/deep/b" || exit 4
[ -z "$(not_new)" ] || exit 5
{end}
mv state.SWAPPING "state.$state"
drop_beside
"""
UNDONE = '[ -z "$(foreign)" ] && put_back || exit 6; state=ROLLED_BACK'


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(SHELLS[name][0])])
@pytest.mark.parametrize("end", ["state=COMMITTED", UNDONE], ids=["committed", "undone"])
def test_every_shell_swaps_files_and_puts_them_back_alike(tmp_path: Path, shell: str, end: str) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    (tmp_path / "a").chmod(0o640)
    inode = (tmp_path / "a").stat().st_ino
    parts = "\n".join(program(part) for part in PARTS).partition("# --- the verbs")[0]
    script = FILES.format(parts=parts, end=end)
    argv = [*SHELLS[shell], "-s", str(tmp_path)]
    done = subprocess.run(argv, input=script.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    ours = {"after", "before", "booted", "emptied", "log", "made", "ops", "state.COMMITTED", "state.ROLLED_BACK"}
    found = {path.name for path in tmp_path.iterdir()} - ours
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    if end == UNDONE:
        assert ((tmp_path / "a").read_bytes(), found) == (b"old\n", {"a"})
        assert (tmp_path / "a").stat().st_ino == inode, "the old file itself, with all that it has"
    else:
        assert ((tmp_path / "a").read_bytes(), found) == (b"new\n", {"a", "deep"})
        assert [path.name for path in (tmp_path / "deep").iterdir()] == ["b"]


def test_the_programs_are_plain_posix_sh() -> None:
    """As files and as the one program that they are on a host."""
    folder = Path(__file__).parents[1] / "remediations" / "remote"
    files = sorted(str(path) for path in folder.glob("*.sh"))
    assert len(files) == 4
    joined = "\n".join(program(part) for part in PARTS).replace("shellcheck disable=SC2034,SC2154", "").encode()
    for names, text in ((files, b""), (["-"], joined)):
        argv = ["shellcheck", "-s", "sh", *names]
        done = subprocess.run(argv, input=text, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout.decode()
