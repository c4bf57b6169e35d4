"""The stepper shows every change of a whole tree of processes, in order, and can end, fail or leave it at each."""

import errno
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from tests.faults import ptrace
from tests.faults.stepper import Stepper, Stuck

SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"))
REPLACE = "echo new > f.new; mv -T f.new f; sync -- ."


def steps_of(script: str, folder: Path) -> list[tuple[str, str, str]]:
    with Stepper(["dash", "-c", script], cwd=folder) as tree:
        return [(step.call, Path(step.path).name, Path(step.other).name) for step in tree]


def alive(pid: int) -> bool:
    """A zombie that only waits for init is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_each_change_is_a_step_with_its_files(tmp_path: Path) -> None:
    assert steps_of(REPLACE, tmp_path) == [
        ("openat", "f.new", ""),
        ("write", "f.new", ""),
        ("renameat2", "f.new", "f"),
        ("fsync", tmp_path.name, ""),
    ]


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ("mkdir d; rmdir d", ["mkdir", "rmdir"]),
        ("ln f hard; ln -s f soft; rm hard soft", ["linkat", "symlinkat", "unlinkat", "unlinkat"]),
        ("chmod 600 f; chown 0:0 f; touch -d @0 f", ["fchmodat", "fchownat", "openat", "utimensat"]),
        ("setfattr -n user.a -v b f", ["setxattr"]),
        ("truncate -s 0 f", ["openat", "ftruncate"]),
        (": >> f; : < f", ["openat"]),
        ("sync; sync -d f", ["sync", "fdatasync"]),
        ("mkfifo p; rm p", ["mknodat", "unlinkat"]),
    ],
)
def test_the_calls_of_everyday_programs_are_seen(script: str, calls: list[str], tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    assert [call for call, *_ in steps_of(script, tmp_path)] == calls


def test_what_no_file_keeps_is_no_step(tmp_path: Path) -> None:
    script = (
        "x=$(echo a | cat); echo $x; echo b >&2; echo c > /dev/null; mkfifo p; cat p > /dev/null & echo d > p; wait"
    )
    assert [call for call, *_ in steps_of(script, tmp_path)] == ["mknodat"]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_killed_at_step_n_the_program_has_made_n_minus_1_changes(shell: tuple[str, ...], tmp_path: Path) -> None:
    script = "for i in 1 2 3; do mkdir d$i; done"
    for at in (1, 2, 3):
        folder = tmp_path / str(at)
        folder.mkdir()
        with Stepper([*shell, "-c", script], cwd=folder) as tree:
            for step in tree:
                if step.number == at:
                    tree.kill()
        assert tree.exit_code == -signal.SIGKILL
        assert sorted(os.listdir(folder)) == [f"d{i}" for i in range(1, at)]


def test_while_a_step_stands_the_rest_of_the_tree_changes_nothing(tmp_path: Path) -> None:
    script = "for p in a b c d; do (for i in 1 2 3 4 5; do : > $p$i; done) & done; wait"
    seen = set()
    with Stepper(["dash", "-c", script], cwd=tmp_path) as tree:
        for step in tree:
            before = sorted(os.listdir(tmp_path))
            time.sleep(0.005)
            assert sorted(os.listdir(tmp_path)) == before
            assert len(before) == step.number - 1
            seen.add(step.pid)
    assert len(seen) == 4


def test_a_change_that_takes_long_has_ended_before_the_next_step(tmp_path: Path) -> None:
    whole = 64 << 20
    script = "(for i in 1 2 3 4 5 6 7 8; do : > f$i; done) & dd if=/dev/zero of=big bs=64M count=1 2>/dev/null; wait"
    sizes = set()
    with Stepper(["dash", "-c", script], cwd=tmp_path, output_limit=whole) as tree:
        for _ in tree:
            sizes.add((tmp_path / "big").stat().st_size if (tmp_path / "big").exists() else 0)
            time.sleep(0.01)  # so that both stand before a change
    assert sizes <= {0, whole}


class NewestFirst(Stepper):
    """Hears of a child, and waits a while for what it does next, before it hears of the fork."""

    def _wait(self) -> tuple[int, int]:
        while True:
            for pid in sorted(traced(), reverse=True):
                for _ in range(20):
                    found, status = os.waitpid(pid, os.WNOHANG | ptrace.WALL)
                    if found:
                        return found, status
                    time.sleep(0.001)


def test_a_child_that_is_seen_before_its_parents_fork_is_counted_once(tmp_path: Path) -> None:
    with NewestFirst(["dash", "-c", "( : ); ( : ) & : > f; wait"], cwd=tmp_path, timeout=20) as tree:
        assert [step.number for step in tree] == [1]
    assert (tree.exit_code, tree.processes) == (0, frozenset())


def test_kill_ends_what_has_gone_into_a_session_of_its_own(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", "setsid sleep 60 & sleep 0.1; : > f; sleep 60"], cwd=tmp_path) as tree:
        for _ in tree:
            processes = tree.processes
            tree.kill()
    assert len(processes) == 2
    assert not any(map(alive, processes))


def test_kill_in_a_storm_of_forks_leaves_nobody(tmp_path: Path) -> None:
    script = "s() { while :; do ( : ) & done; }; s & s & s & sleep 0.0$1; : > f; wait"
    for delay in range(1, 10):
        with Stepper(["dash", "-c", script, "-", str(delay)], cwd=tmp_path) as tree:
            for _ in tree:
                time.sleep(0.02)  # some stand in the middle of a fork, and nobody has heard of their children yet
                tree.kill()
        assert not traced()


def traced() -> list[int]:
    found = (path for path in Path("/proc").glob("[0-9]*/status") if is_traced_by_us(path))
    return [int(path.parent.name) for path in found]


def is_traced_by_us(status: Path) -> bool:
    try:
        return f"TracerPid:\t{os.getpid()}\n" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_killed_shell_has_left_runs_on_beside_its_recovery(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", "(sleep 0.2; : > orphan) & : > f; : > never; wait"], cwd=tmp_path) as tree:
        calls = []
        for step in tree:
            calls.append(Path(step.path).name)
            if step.number == 2:
                tree.kill_main()
                tree.start(["dash", "-c", ": > recovery"])
    assert calls == ["f", "never", "recovery", "orphan"]
    assert sorted(os.listdir(tmp_path)) == ["f", "orphan", "recovery"]
    assert tree.exit_code == -signal.SIGKILL


def test_a_step_fails_with_the_errno_that_is_asked_for_and_does_not_happen(tmp_path: Path) -> None:
    errors = {1: errno.EROFS, 2: errno.ENOSPC, 4: errno.EIO}
    script = ": > f || :; mkdir d; mkdir e; sync -- e"
    with Stepper(["bash", "-c", script], cwd=tmp_path, env=os.environ | {"LC_ALL": "C"}) as tree:
        for step in tree:
            if step.number in errors:
                tree.fail(errors[step.number])
    assert os.listdir(tmp_path) == ["e"]
    assert tree.exit_code == 1
    for words in (b"f: Read-only file system", b"'d': No space left on device", b"'e': Input/output error"):
        assert words in tree.stderr
    assert tree.result == -errno.EIO


def test_programs_are_steps_where_asked_for(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", "true; /bin/true; : > f; exec sync -- f"], cwd=tmp_path, programs=True) as tree:
        steps = [(step.call, Path(step.path).name) for step in tree]
    assert steps == [("exec", "dash"), ("exec", "true"), ("openat", "f"), ("exec", "sync"), ("fsync", "f")]


def test_only_the_files_asked_for_are_steps(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", REPLACE], cwd=tmp_path, only=lambda path: path.endswith("/f")) as tree:
        assert [step.call for step in tree] == ["renameat2"]


def test_output_is_kept_up_to_its_limit(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", "echo out; echo err >&2; exit 7"]) as tree:
        tree.run()
    assert (tree.stdout, tree.stderr, tree.exit_code) == (b"out\n", b"err\n", 7)
    with Stepper(["yes"], output_limit=100_000) as tree:
        tree.run()
    assert (len(tree.stdout), tree.exit_code) == (100_000, -signal.SIGXFSZ)


def test_a_program_that_does_not_end_is_killed_and_said_to_be_stuck() -> None:
    with pytest.raises(Stuck, match="had not ended after"), Stepper(["sleep", "60"], timeout=0.2) as tree:
        tree.run()
    assert not alive(tree.main)


def test_the_watchdog_that_a_program_leaves_need_not_be_waited_for(tmp_path: Path) -> None:
    with Stepper(["dash", "-c", "setsid sleep 60 & : > f"], cwd=tmp_path, until_main=True, timeout=5) as tree:
        tree.run()
        assert len(tree.processes) == 1
    assert tree.exit_code == 0


def test_a_program_that_is_not_there_says_so() -> None:
    with Stepper(["/no/such/program"]) as tree:
        tree.run()
    assert tree.exit_code == 127
    assert b"No such file" in tree.stderr


def test_three_hundred_short_processes_take_well_under_a_second_and_a_half(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 100 ]; do echo x > f.new; mv -T f.new f; cat f | cut -c1; i=$((i+1)); done"
    began = time.process_time()
    with Stepper(["dash", "-c", script], cwd=tmp_path) as tree:
        assert sum(1 for _ in tree) == 399  # mv tries without replacing first
    assert time.process_time() - began < 1, "the stepper's own time; the children's depends on who else is at work"


def test_a_child_of_the_test_itself_is_left_to_it(tmp_path: Path) -> None:
    command = shlex.join(["dash", "-c", "exit 5"])
    foreign = os.posix_spawn("/bin/sh", ["sh", "-c", command], dict(os.environ))
    with Stepper(["dash", "-c", "sleep 0.2; " + REPLACE], cwd=tmp_path) as tree:
        assert sum(1 for _ in tree) == 4
    assert os.waitstatus_to_exitcode(os.waitpid(foreign, 0)[1]) == 5
