"""Runs a program and all that it starts, and stops the whole tree before each call that would change a file."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults import child, ptrace
from tests.faults.step import Step, files_of

MIB = 1 << 20
STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Stuck(AssertionError):
    """The tree had not ended in the time that it was given; it has been killed."""


class Stepper:
    """`with Stepper(argv) as tree: for step in tree: …` goes on to the next step at the next turn of the loop.

    While a step stands no other process of the tree changes a file either: changing calls run one at a time, each to
    its end. Steps are numbered from 1. `only` says by its path which step counts (all others run through); `programs`
    makes a step of each program that a process becomes (call "exec"), too. The loop ends with the last process of the
    tree, or, where `until_main`, with the first. Leaving the `with` kills what is left.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        only: Callable[[str], bool] = bool,
        programs: bool = False,
        until_main: bool = False,
        timeout: float = 60.0,
        output_limit: int = 16 * MIB,
    ) -> None:
        self._argv, self._cwd, self._limit = tuple(argv), cwd, output_limit
        self._env = dict(os.environ if env is None else env)
        self._only, self._programs, self._until_main, self._timeout = only, programs, until_main, timeout
        self._live: set[int] = set()
        self._unborn: set[int] = set()  # seen before their parent's fork: they wait for it, lest they end before it
        self._waiting: deque[Step] = deque()  # stopped before a change, not shown yet
        self._shown: Step | None = None
        self._running: int | None = None  # the one process whose change is under way
        self._error: int | None = None  # the errno with which the step that stands is to fail
        self._injected: int | None = None
        self._count = 0
        self._late = False
        self.main = 0
        self.exit_code: int | None = None  # of the first process; negative for a signal
        self.result: int | None = None  # of the last change that ran: a negative errno where it failed

    # Life

    def __enter__(self) -> Self:
        self._outputs = (os.memfd_create("stdout"), os.memfd_create("stderr"))
        self.main = self.start(self._argv)
        self._timer = threading.Timer(self._timeout, self._expire)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._timer.cancel()
        self.kill()
        self.stdout, self.stderr = (_whole(file) for file in self._outputs)
        for file in self._outputs:
            os.close(file)

    def start(self, argv: Sequence[str]) -> int:
        """Adds another program to the tree: a recovery that runs beside what a killed shell has left, say."""
        pid = child.start(argv, self._env, self._cwd, self._outputs, self._limit)
        self._live.add(pid)
        return pid

    def _expire(self) -> None:
        self._late = True
        self._signal(*self._live)

    # Steps

    def __iter__(self) -> Iterator[Step]:
        while (step := self._next()) is not None:
            yield step

    def run(self) -> None:
        """To the end, whatever comes."""
        for _ in self:
            pass

    def fail(self, error: int) -> None:
        """The step that stands will not happen: the program sees this errno."""
        self._error = error

    def kill(self, *pids: int) -> None:
        """SIGKILL to these processes, else to the whole tree, which is reaped. The step that stands does not happen."""
        self._signal(*(pids or self._live))
        if not pids:
            self._unborn.clear()  # they are among the strays
            while self._live or self._add_strays():
                self._handle(*self._wait(), killing=True)
            self._shown = None
            self._waiting.clear()

    def kill_main(self) -> None:
        """SIGKILL to the first process alone; what it started runs on, and its steps come as before."""
        if self.main in self._live:
            self.kill(self.main)

    def output(self) -> bytes:
        """What has been written to stdout so far; `stdout` has all of it, once the `with` is left."""
        return _whole(self._outputs[0])

    @property
    def processes(self) -> frozenset[int]:
        return frozenset(self._live)

    def _next(self) -> Step | None:
        self._release()
        while not self._over():
            if self._waiting and self._running is None:
                self._count += 1
                self._shown = replace(self._waiting.popleft(), number=self._count)
                return self._shown
            self._handle(*self._wait())
        if self._late:
            raise Stuck(f"{self._argv} had not ended after {self._timeout:g} s")
        return None

    def _over(self) -> bool:
        return not self._live or self._late or (self._until_main and self.main not in self._live)

    def _release(self) -> None:
        step, self._shown = self._shown, None
        error, self._error = self._error, None
        if step is None or step.pid not in self._live:
            return
        if step.call == "exec":
            self._go(step.pid)
            return
        if error is not None:
            ptrace.skip_call(step.pid)
        self._injected, self._running = error, step.pid
        self._go(step.pid, how=ptrace.SYSCALL)

    # Events

    def _handle(self, pid: int, status: int, *, killing: bool = False) -> None:
        if not os.WIFSTOPPED(status):
            self._ended(pid, status)
            return
        if killing:
            self._live.add(pid)
            self._signal(pid)
            return
        if pid not in self._live:
            self._unborn.add(pid)
            return
        number, event = os.WSTOPSIG(status), status >> 16
        if event == ptrace.EVENT_SECCOMP:
            self._before_change(pid)
        elif event == ptrace.EVENT_EXEC and self._programs:
            self._waiting.append(Step(0, "exec", os.readlink(f"/proc/{pid}/exe"), "", pid, pid == self.main))
        elif event in (ptrace.EVENT_FORK, ptrace.EVENT_VFORK, ptrace.EVENT_CLONE):
            self._born(ptrace.event_message(pid))
            self._go(pid)
        elif event == ptrace.EVENT_STOP and number in STOPPING:
            self._go(pid, how=ptrace.LISTEN)
        elif number == signal.SIGTRAP | ptrace.SYSCALL_STOP:
            self._after_change(pid)
        else:
            self._go(pid, 0 if event else number)

    def _born(self, pid: int) -> None:
        self._live.add(pid)
        if pid in self._unborn:
            self._unborn.remove(pid)
            self._go(pid)

    def _before_change(self, pid: int) -> None:
        try:
            found = files_of(pid)
        except (ProcessLookupError, FileNotFoundError):  # killed meanwhile: its end is the next event
            return
        if found is None or not (found[1] == () or any(map(self._only, found[1]))):
            self._go(pid)
            return
        call, files = found
        path, other = (*files, "", "")[:2]
        self._waiting.append(Step(0, call, path, other, pid, pid == self.main))

    def _after_change(self, pid: int) -> None:
        self._running = None
        if self._injected is not None:
            ptrace.set_result(pid, -self._injected)
            self._injected = None
        self.result = ptrace.result(pid)
        self._go(pid)

    def _ended(self, pid: int, status: int) -> None:
        self._live.discard(pid)
        if pid == self._running:
            self._running = self._injected = None
        self._waiting = deque(step for step in self._waiting if step.pid != pid)
        if pid == self.main:
            self.exit_code = os.waitstatus_to_exitcode(status)

    def _go(self, pid: int, number: int = 0, how: int = ptrace.CONT) -> None:
        try:
            ptrace.request(how, pid, 0, number)
        except ProcessLookupError:  # killed while it stood still
            if pid == self._running:
                self._running = None

    def _signal(self, *pids: int) -> None:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    # Waiting for one of ours, without taking another's child away

    def _wait(self) -> tuple[int, int]:
        flags = os.WEXITED | os.WSTOPPED | os.WNOWAIT | ptrace.WALL
        seen = os.waitid(os.P_ALL, 0, flags)
        if seen is not None and (seen.si_pid in self._live or seen.si_code not in _ENDS):
            return os.waitpid(seen.si_pid, ptrace.WALL)
        return self._poll()

    def _poll(self) -> tuple[int, int]:
        """A foreign child of the test has ended and would be named for ever: ours are asked one by one."""
        while True:
            for pid in self._live:
                found, status = os.waitpid(pid, os.WNOHANG | ptrace.WALL)
                if found:
                    return found, status
            time.sleep(0.0002)

    def _add_strays(self) -> bool:
        """Children forked in the moment of the kill are traced already, but nobody has told of them."""
        found = {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _tracer(pid) == os.getpid()}
        self._live |= found
        self._signal(*found)
        return bool(found)


_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)


def _tracer(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.split(b"TracerPid:", 1)[1].split(None, 1)[0])


def _whole(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)
