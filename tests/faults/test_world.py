"""The world is a host to the program in it, and nothing of it is seen outside."""

import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.disks import images
from tests.faults.moments import Moment, lay, missed
from tests.faults.namespace import Failed, in_private
from tests.faults.shells import BASH, BUSYBOX, BUSYBOX_ALONE, DASH, Shell
from tests.faults.world import FAKES, World

LIVE = "/etc/nginx/nginx.conf"
UNIT = "nginx.service"


def in_world(act: Callable[[World], None], shell: Shell = DASH, *, systemd: bool = True) -> None:
    with images() as folder:
        in_private(partial(enter, act, shell, folder, systemd))


def enter(act: Callable[[World], None], shell: Shell, folder: Path, systemd: bool) -> None:
    with World(folder / "root", folder / "scratch", shell=shell, systemd=systemd) as world:
        Path(LIVE).write_bytes(b"old\n")
        world.unit(UNIT, live=[LIVE])
        act(world)


def said(world: World, *words: str) -> str:
    done = world.run(*words)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_its_folders_are_the_disks_and_the_hosts_own_are_untouched() -> None:
    before = sorted(os.listdir("/etc"))

    def act(world: World) -> None:
        script = f"echo new > {LIVE}; echo x > /etc/elsewhere; mkdir -p /var/lib/other; echo 1 > /run/remediate/pid"
        world.run("sh", "-c", script).check_returncode()
        assert Path(LIVE).read_bytes() == b"new\n"
        assert [path.name for path in Path(LIVE).parent.iterdir()] == ["nginx.conf"]

    in_world(act)
    assert sorted(os.listdir("/etc")) == before
    assert not Path("/var/lib/other").exists()


def test_steps_are_changes_of_its_folders() -> None:
    def act(world: World) -> None:
        script = f"echo x > /etc/elsewhere; echo new > {LIVE}; systemctl reload {UNIT}; rm {LIVE}"
        with world.step("sh", "-c", script) as tree:
            assert [(step.call, step.path) for step in tree] == [
                ("openat", LIVE),
                ("write", LIVE),
                ("unlinkat", LIVE),
            ]

    in_world(act)


@pytest.mark.parametrize(
    ("shell", "words"),
    [(DASH, ""), (BASH, "GNU bash"), (BUSYBOX, "BusyBox"), (BUSYBOX_ALONE, "BusyBox")],
    ids=lambda value: value.name if isinstance(value, Shell) else "",
)
def test_the_shell_is_the_one_that_was_asked_for_wherever_sh_is_called(shell: Shell, words: str) -> None:
    def act(world: World) -> None:
        for sh in ("sh", "/bin/sh"):
            done = world.run(sh, "--help")
            assert words in (done.stdout + done.stderr).decode()
            assert said(world, sh, "-c", "exec readlink /proc/$PPID/exe") == os.path.realpath("/proc/self/exe")
        coreutils = world.run("sync", "--version").stdout
        assert (b"GNU coreutils" in coreutils) is not shell.applets

    in_world(act, shell)


def test_a_reload_makes_the_daemon_serve_the_live_file_by_another_worker() -> None:
    def act(world: World) -> None:
        main = said(world, "systemctl", "--no-pager", "show", "-p", "MainPID", "--value", "--", UNIT)
        workers = said(world, "ps", "-o", "pid=,args=", "--ppid", main)
        Path(LIVE).write_bytes(b"new\n")
        assert world.serves(UNIT) == {LIVE: b"old\n"}
        said(world, "systemctl", "--no-ask-password", "reload", "--", UNIT)
        assert world.serves(UNIT) == {LIVE: b"new\n"}
        assert said(world, "systemctl", "show", "-p", "MainPID", "--value", UNIT) == main
        now = said(world, "ps", "-o", "pid=,args=", "--ppid", main)
        assert "worker process" in now
        assert now != workers

    in_world(act)


def test_a_reload_of_a_broken_file_succeeds_and_changes_nothing_as_nginx_does() -> None:
    def act(world: World) -> None:
        Path(LIVE).write_bytes(b"bogus\n")
        said(world, "systemctl", "reload", UNIT)
        assert world.serves(UNIT) == {LIVE: b"old\n"}
        assert "[emerg]" in (world.state / "error.log").read_text()
        assert world.run("validate").returncode == 1
        assert world.run("systemctl", "restart", UNIT).returncode == 1
        assert said(world, "systemctl", "show", "-p", "ActiveState,MainPID", UNIT) == "ActiveState=failed\nMainPID=0"
        said(world, "systemctl", "reset-failed", UNIT)
        assert said(world, "systemctl", "show", "-p", "ActiveState", "--value", UNIT) == "inactive"

    in_world(act)


def test_start_stop_restart_and_failures_that_were_asked_for() -> None:
    def act(world: World) -> None:
        show = ("systemctl", "show", "--property=ActiveState,MainPID", "--value", UNIT)
        said(world, "systemctl", "stop", UNIT)
        assert said(world, *show) == "inactive\n0"
        assert world.run("systemctl", "--quiet", "is-active", UNIT).returncode == 3
        said(world, "systemctl", "start", UNIT)
        first = said(world, *show)
        assert first.startswith("active\n")
        said(world, "systemctl", "restart", UNIT)
        assert said(world, *show) != first
        world.fail(f"reload.{UNIT}", "no reload today\n")
        failed = world.run("systemctl", "reload", UNIT)
        assert (failed.returncode, failed.stderr) == (1, b"no reload today\n")
        assert said(world, "systemctl", "is-system-running") == "running"
        assert world.calls()[-2:] == [f"systemctl reload {UNIT}", "systemctl is-system-running"]

    in_world(act)


def test_systemd_run_writes_down_what_it_was_told() -> None:
    def act(world: World) -> None:
        timer = ("--on-calendar=2030-01-01 00:00:00 UTC", "--timer-property=AccuracySec=1s", "-p", "TimeoutStartSec=9")
        said(world, "systemd-run", "--quiet", "--unit=u-undo", *timer, "/bin/sh", "-c", "echo fired '$0'", "a b")
        assert world.timers() == ["u-undo"]
        said(world, "systemctl", "--quiet", "is-active", "u-undo.timer")
        assert world.fire("u-undo").stdout == b"fired $0\n"
        said(world, "systemctl", "stop", "u-undo.timer")
        assert world.timers() == []
        said(world, "systemd-run", "--unit=u", "-p", "ExecStopPost=/bin/sh -c 'echo post'", "/bin/sh", "-c", "exit 3")
        undone = world.after_stop("u")
        assert undone is not None
        assert undone.stdout == b"post\n"

    in_world(act)


def test_where_asked_to_systemd_run_starts_the_service_and_its_stop_post_follows_its_kill() -> None:
    def act(world: World) -> None:
        world.start_services()
        post = f"ExecStopPost=/bin/sh -c 'echo back > {LIVE}'"
        service = f": > {LIVE}.1; : > {LIVE}.2; : > {LIVE}.3"
        with world.step("systemd-run", "--unit=u", "-p", post, "/bin/sh", "-c", service) as tree:
            for step in tree:
                if step.path == f"{LIVE}.2":
                    tree.kill(step.pid)
        assert Path(f"{LIVE}.1").exists()
        assert not Path(f"{LIVE}.2").exists()
        assert Path(LIVE).read_bytes() == b"back\n"

    in_world(act)


def test_a_boot_runs_the_units_that_are_enabled_on_the_disk_and_then_the_daemons() -> None:
    def act(world: World) -> None:
        units = Path("/etc/systemd/system")
        (units / "sysinit.target.wants").mkdir()
        for name in ("remediate-on", "remediate-off"):
            (units / f"{name}.service").write_text(f"[Service]\nExecStart=/bin/sh -c 'echo {name} >> {LIVE}'\n")
        (units / "sysinit.target.wants/remediate-on.service").symlink_to("../remediate-on.service")
        (units / "sysinit.target.wants/remediate-gone.service").symlink_to("../remediate-gone.service")
        assert [done.returncode for done in world.boot()] == [0]
        assert world.serves(UNIT) == {LIVE: b"old\nremediate-on\n"}

    in_world(act)


@pytest.mark.parametrize("systemd", [True, False])
def test_it_has_booted_with_systemd_or_without(systemd: bool) -> None:
    def act(world: World) -> None:
        assert Path("/run/systemd/system").exists() is systemd
        world.run("logger", "-t", "remediate", "--", "it is so").check_returncode()
        assert (world.state / "log").read_text() == "it is so\n"

    in_world(act, systemd=systemd)


def test_what_a_program_has_left_running_ends_with_the_world() -> None:
    def act(world: World) -> None:
        world.run("sh", "-c", f"cd {Path(LIVE).parent}; setsid sleep 60 >/dev/null 2>&1 &").check_returncode()

    in_world(act)


def test_a_world_is_only_made_in_private(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="only inside in_private"), World(tmp_path, tmp_path):
        pass


def test_a_failure_in_it_is_told_outside() -> None:
    def act(world: World) -> None:
        assert world.calls() == ["never"]

    with pytest.raises(Failed, match="never"):
        in_world(act)


def test_a_daemon_that_no_manager_holds_reads_its_files_again_at_a_signal() -> None:
    def act(world: World) -> None:
        world.daemon(UNIT, "nginx: master process nginx")
        pid = said(world, "systemctl", "show", "-p", "MainPID", "--value", UNIT)
        assert said(world, "ps", "-o", "comm=", "-p", pid) == "nginx"
        assert said(world, "ps", "-o", "args=", "-p", pid) == "nginx: master process nginx"
        Path(LIVE).write_bytes(b"new\n")
        world.run("kill", "-HUP", pid).check_returncode()
        deadline = time.monotonic() + 60
        while world.serves(UNIT)[LIVE] != b"new\n" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert world.serves(UNIT)[LIVE] == b"new\n"

    in_world(act)


def test_a_moment_comes_once_and_one_that_does_not_come_is_missed() -> None:
    def act(world: World) -> None:
        dies, never = Moment("mv", "/etc/a b *", "exit 7"), Moment("mv", "*", ":", "[ -e /nowhere ]")
        lay(world, [dies, never])
        assert missed(world, [dies, never]) == [dies, never]
        Path(f"{LIVE}.a").touch()
        assert world.run("mv", "/etc/x", "b", "c").returncode == 1, "no such file, and other words"
        assert world.run("mv", "/etc/a", "b", "c").returncode == 7
        assert world.run("mv", "/etc/a", "b", "c").returncode == 1, "it has come once"
        assert world.run("mv", f"{LIVE}.a", f"{LIVE}.b").returncode == 0
        assert missed(world, [dies, never]) == [never]

    in_world(act)


def test_shellcheck_finds_nothing_in_the_fakes() -> None:
    files = [str(path) for path in FAKES.iterdir() if path.read_text().startswith("#!/bin/sh\n")]
    assert len(files) > 4
    done = subprocess.run(["shellcheck", "-s", "sh", *files], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode()
