"""One mutating call of a traced program, as it is about to run: which call, on which files, by whom."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tests.faults import ptrace
from tests.faults.syscalls import BY_NUMBER, Call

AT_FDCWD = -100
NO_FILES = ("/proc/", "/sys/", "/dev/null", "/dev/tty", "/dev/pts/", "/dev/std", "/dev/fd/")


@dataclass(frozen=True)
class Step:
    """`path` is what the call changes, `other` the new name of a rename or link; "" where there is none."""

    number: int
    call: str
    path: str
    other: str
    pid: int
    main: bool

    def __str__(self) -> str:
        files = " ".join(file for file in (self.path, self.other) if file)
        return f"step {self.number}: {self.call} {files} (pid {self.pid}{', main' if self.main else ''})"

    @property
    def command(self) -> list[str]:
        """The words of the process that makes the call; only while the step stands."""
        words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        return [os.fsdecode(word) for word in words[:-1]]


def files_of(pid: int) -> tuple[str, tuple[str, ...]] | None:
    """The call that a process stands before and its files; None where it changes no file (a pipe, /dev/null)."""
    at = ptrace.entered(pid)
    call = BY_NUMBER[at.number]
    files = tuple(_file(pid, operand, at.arguments) for operand in call.operands)
    if call.operands and (not all(files) or _is_no_file(pid, call, files[0], at.arguments)):
        return None
    return call.name, files


def _file(pid: int, operand: str, arguments: tuple[int, ...]) -> str:
    kind, index = operand[0], int(operand[1:])
    if kind == "f":
        return _descriptor(pid, arguments[index])
    if kind == "p":
        return _absolute(pid, AT_FDCWD, ptrace.text(pid, arguments[index]))
    folder = _signed(arguments[index])
    if arguments[index + 1] == 0:  # futimens is utimensat without a path
        return _descriptor(pid, arguments[index])
    return _absolute(pid, folder, ptrace.text(pid, arguments[index + 1]))


def _signed(argument: int) -> int:
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low


def _descriptor(pid: int, number: int) -> str:
    """A regular file's or a folder's path; "" for a pipe, socket, terminal, an anonymous file or none at all."""
    link = f"/proc/{pid}/fd/{_signed(number)}"
    try:
        mode, path = os.stat(link).st_mode, os.readlink(link)
    except FileNotFoundError:
        return ""
    return path if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not path.startswith("/memfd:") else ""


def _absolute(pid: int, folder: int, path: str) -> str:
    if path.startswith("/"):
        return path
    base = os.readlink(f"/proc/{pid}/cwd" if folder == AT_FDCWD else f"/proc/{pid}/fd/{folder}")
    return os.path.normpath(os.path.join(base, path)) if path else base


def _is_no_file(pid: int, call: Call, path: str, arguments: tuple[int, ...]) -> bool:
    if path.startswith(NO_FILES):
        return True
    if not call.name.startswith("open"):
        return False
    if call.name == "openat2" and not ptrace.word(pid, arguments[2]) & (
        os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    ):
        return True
    try:  # to open a FIFO may wait for another process: that is no change, and it must not hold the others up
        mode = os.stat(f"/proc/{pid}/root{path}").st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode)
