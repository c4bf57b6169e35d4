"""Runs a function of a test in mount and process namespaces of its own: what it mounts or starts ends with it."""

import ctypes
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn, TypeVar, cast

from tests.faults.mounts import MS_PRIVATE, MS_REC, mount
from tests.faults.ptrace import LIBC

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
PR_SET_PDEATHSIG = 1
_inside = False

Item = TypeVar("Item")
Result = TypeVar("Result")


class Failed(AssertionError):
    """The function raised an error in there; its traceback is the message."""


def in_private(function: Callable[[], Result]) -> Result:
    """What the function returns (it must pickle); the calling process keeps its own namespaces."""
    return cast(Result, _end(*_begin(function)))


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None) -> list[Result]:
    """The results in the items' order; each worker is a process in namespaces of its own, which its items share."""
    count = min(workers or os.cpu_count() or 1, len(items))
    begun = [_begin(partial(_each, function, items[at::count])) for at in range(count)]
    shares = [cast(list[Result], _end(*work)) for work in begun]
    return [shares[at % count][at // count] for at in range(len(items))]


def is_private() -> bool:
    """Are we in there? Only then may one mount, and end every other process that one sees."""
    return _inside


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _begin(function: Callable[[], Result]) -> tuple[int, int]:
    answer, writer = os.pipe()
    pid = _fork()
    if pid == 0:
        os.close(answer)
        _be_outer(function, writer)
    os.close(writer)
    return pid, answer


def _end(pid: int, answer: int) -> object:
    try:
        with open(answer, "rb") as reader:
            said = reader.read()
    except BaseException:
        os.kill(pid, signal.SIGKILL)  # and with it, by PDEATHSIG, all that is in the namespaces
        raise
    finally:
        os.waitpid(pid, 0)
    if not said:
        raise Failed("the process in the private namespaces ended without an answer")
    good, result = pickle.loads(said)
    if not good:
        raise Failed(result)
    return result


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child uses none of their locks
        pid = os.fork()
    if pid == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
    return pid


def _be_outer(function: Callable[[], object], writer: int) -> NoReturn:
    """A process stays in its own pid namespace; only its children are in the new one. The first is the init there."""
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        _answer(writer, False, f"unshare: {os.strerror(ctypes.get_errno())}; root is needed")
    if (init := _fork()) == 0:
        _be_init(function, writer)
    os.close(writer)
    os.waitpid(init, 0)
    os._exit(0)


def _be_init(function: Callable[[], object], writer: int) -> NoReturn:
    """Reaps orphans, as an init does: else a dead lock holder would look alive."""
    if (worker := _fork()) == 0:
        _body(function, writer)
    os.close(writer)
    while os.wait()[0] != worker:
        pass
    os._exit(0)


def _body(function: Callable[[], object], writer: int) -> NoReturn:
    global _inside
    _inside = True
    try:
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc")
        said = pickle.dumps((True, function()))
    except BaseException:  # told to the test, whatever it is
        _answer(writer, False, traceback.format_exc())
    _write(writer, said)
    os._exit(0)


def _answer(writer: int, good: bool, text: str) -> NoReturn:
    _write(writer, pickle.dumps((good, text)))
    os._exit(1)


def _write(writer: int, said: bytes) -> None:
    with open(writer, "wb") as file:
        file.write(said)
