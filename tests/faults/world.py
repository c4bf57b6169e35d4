"""A host without a host: a disk's folders at their real places, a chosen /bin/sh, and fakes of systemd around it."""

import os
import shlex
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.faults.mounts import MS_BIND, mounted
from tests.faults.namespace import is_private
from tests.faults.shells import DASH, Shell, located
from tests.faults.stepper import Stepper

FAKES = Path(__file__).with_name("fakes")
FOLDERS = ("/etc/nginx", "/etc/systemd/system", "/var/lib/remediate")
COVERED = ("/etc", "/var/lib")  # written to nowhere but in the world, whatever the program does


class World:
    """`with World(disk.root, scratch) as world:` inside `in_private`.

    Each of `folders` is that folder of the disk (made where missing). `scratch` holds what a reboot forgets: /run, the
    boot's id and the fakes' state, and what the program writes elsewhere in /etc. Where `systemd`, /run says that
    systemd has booted. Programs that are `hidden` are not installed.
    """

    def __init__(
        self,
        root: Path,
        scratch: Path,
        *,
        shell: Shell = DASH,
        folders: Sequence[str] = FOLDERS,
        systemd: bool = True,
        hidden: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._root, self._scratch, self._folders, self._systemd = root, scratch, tuple(folders), systemd
        self.shell, self.state, self.shims = shell, scratch / "fakes", scratch / "fakes/bin"
        self._hidden, self._env = tuple(hidden), dict(env or {})

    def __enter__(self) -> Self:
        if not is_private():
            raise RuntimeError("a world mounts over /etc: only inside in_private")
        for folder in ("upper", "work", "run", "fakes/bin", "fakes/units", "fakes/runs", "fakes/fail"):
            (self._scratch / folder).mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{FAKES}:{self.shims}:{self.shell.path(self._scratch)}",
            "FAKES": str(self.state),
            "LC_ALL": "C",
            "HOME": "/root",
        } | self._env
        with ExitStack() as stack:
            self._mount(stack)
            stack.callback(self._end_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _mount(self, stack: ExitStack) -> None:
        for top in COVERED:
            upper, work = (self._scratch / kind / top.replace("/", "-") for kind in ("upper", "work"))
            upper.mkdir(exist_ok=True)
            work.mkdir(exist_ok=True)
            options = f"lowerdir={top},upperdir={upper},workdir={work}"
            stack.enter_context(mounted("overlay", top, "overlay", options=options))
        stack.enter_context(mounted(self._scratch / "run", "/run", flags=MS_BIND))
        for folder in ("/run/remediate", *(("/run/systemd/system",) if self._systemd else ())):
            Path(folder).mkdir(parents=True, exist_ok=True)
        for folder in self._folders:
            there = self._root / folder.lstrip("/")
            there.mkdir(parents=True, exist_ok=True)
            Path(folder).mkdir(parents=True, exist_ok=True)
            stack.enter_context(mounted(there, folder, flags=MS_BIND))
        stack.enter_context(mounted(located(self.shell.program), os.path.realpath("/bin/sh"), flags=MS_BIND))
        boot = self._scratch / "boot_id"
        if not boot.exists():
            boot.write_text(f"{uuid.uuid4()}\n")
        stack.enter_context(mounted(boot, "/proc/sys/kernel/random/boot_id", flags=MS_BIND))
        (self._scratch / "nothing").touch()
        for program in self._hidden:  # a file without an x bit is no program
            stack.enter_context(mounted(self._scratch / "nothing", located(program), flags=MS_BIND))

    def _end_all(self) -> None:
        """Whatever the program has left: else its open files would hold the disk."""
        ours = (1, os.getpid())
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            if pid not in ours:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # Running programs

    def run(self, *words: str, timeout: float = 30) -> subprocess.CompletedProcess[bytes]:
        """`world.run("sh", "program.sh", "recover")`, without steps; `sh` is the world's shell."""
        return subprocess.run(
            words, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )

    def step(self, *words: str, everywhere: bool = False, **options: Any) -> Stepper:
        """The same, step by step; a step is a change of the world's folders, or `everywhere` of any file."""
        if not everywhere:
            options.setdefault("only", self.holds)
        return Stepper(words, env=self.environment, **options)

    def holds(self, path: str) -> bool:
        return path.startswith(tuple(f"{folder}/" for folder in self._folders)) or path in self._folders

    # Daemons

    def unit(self, name: str, live: Sequence[str] = (), **properties: str) -> None:
        """A unit with these properties; where it reads files, a daemon that is running and serves what they say now."""
        folder = self.state / "units" / name
        running = {"ActiveState": "active", "MainPID": "1001", "Workers": "2001", "CanReload": "yes"} if live else {}
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in (
            {"ActiveState": "inactive", "MainPID": "0", "NRestarts": "0"} | running | properties
        ).items():
            (folder / key).write_text(f"{value}\n")
        if live:
            (folder / "live").write_text("".join(f"{path}\n" for path in live))
            (folder / "serving.0").mkdir()
            (folder / "serving").symlink_to("serving.0")
        for path in live:
            if Path(path).exists():
                (folder / f"serving{path}").parent.mkdir(parents=True, exist_ok=True)
                (folder / f"serving{path}").write_bytes(Path(path).read_bytes())

    def daemon(self, name: str, title: str) -> None:
        """That unit's daemon is a process of its own, which no manager holds: it has this title."""
        main = self.state / "units" / name / "MainPID"
        main.unlink()
        subprocess.Popen([str(FAKES / "daemon"), name, title], env=self.environment, stdin=subprocess.DEVNULL)
        while not main.exists() or not main.read_text().endswith("\n"):
            time.sleep(0.01)

    def serves(self, name: str) -> dict[str, bytes]:
        """The files as the daemon has last read them."""
        folder = self.state / "units" / name / "serving"
        return {f"/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail(self, what: str, words: str = "told to fail\n") -> None:
        """`reload`, `reload.nginx.service`, `systemd-run`: fails from now on."""
        (self.state / "fail" / what).write_text(words)

    def calls(self) -> list[str]:
        """What was asked of systemd so far."""
        file = self.state / "calls"
        return file.read_text().splitlines() if file.exists() else []

    # What systemd would do

    def start_services(self) -> None:
        """From now on systemd-run does start what it is told to."""
        (self.state / "start-services").touch()

    def kill_services(self) -> None:
        """SIGKILL to all that the program has left running."""
        self._end_all()

    def after_stop(self, unit: str) -> subprocess.CompletedProcess[bytes] | None:
        """The ExecStopPost of a service that systemd-run was told of; None where it was told of none."""
        lines = (self.state / "runs" / unit / "properties").read_text().splitlines()
        commands = [line.partition("=")[2] for line in lines if line.startswith("ExecStopPost=")]
        return self.run(*shlex.split(commands[-1])) if commands else None

    def timers(self) -> list[str]:
        """The timers that stand, by the name that systemd-run was given."""
        active = (self.state / "units").glob("*.timer/ActiveState")
        return sorted(file.parent.name.removesuffix(".timer") for file in active if file.read_text() == "active\n")

    def due(self, seconds: int, *, reloaded: bool = False) -> list[str]:
        """The timers that will have come within these seconds; where somebody has `reloaded` the manager all the
        while, only those with a date: a relative time begins anew at each daemon-reload.
        """
        latest = time.time() + seconds
        return [timer for timer in self.timers() if self._comes(timer, latest, seconds, reloaded)]

    def _comes(self, timer: str, latest: float, seconds: int, reloaded: bool) -> bool:
        date, relative = ((self.state / "runs" / timer / kind) for kind in ("calendar", "active"))
        if relative.exists():
            return not reloaded and int(relative.read_text()) <= seconds
        words = date.read_text().removesuffix(" UTC\n")
        return datetime.strptime(words, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp() <= latest

    def fire(self, timer: str) -> subprocess.CompletedProcess[bytes]:
        return self.run(*(self.state / "runs" / timer / "argv").read_text().splitlines())

    def boot(self) -> list[subprocess.CompletedProcess[bytes]]:
        """After a power cut: the enabled units of the disk run, then the daemons begin."""
        (self.state / "system-state").write_text("starting\n")
        ran = [self.run(*words) for words in _boot_commands()]
        (self.state / "system-state").unlink()
        for live in (self.state / "units").glob("*/live"):
            self.run("systemctl", "restart", live.parent.name)
        return ran


def _boot_commands() -> list[list[str]]:
    """Of units that a target wants, as systemd reads them: where the unit's file itself is there."""
    wanted = sorted(Path("/etc/systemd/system").glob("*.wants/remediate-*.service"))
    lines = [line for unit in wanted if unit.exists() for line in unit.read_text().splitlines()]
    return [shlex.split(line.partition("=")[2]) for line in lines if line.startswith("ExecStart=")]
