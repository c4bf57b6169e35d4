"""Starts a process that waits to be traced before it becomes its program."""

import os
import resource
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults import ptrace, seccomp


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    outputs: tuple[int, int],
    largest_file: int,
) -> int:
    """Its pid, seized: it stops at each mutating call from its first on."""
    ready, go = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child only makes system calls
        pid = os.fork()
    if pid == 0:
        _become(argv, environment, folder, outputs, largest_file, ready, go)
    os.close(ready)
    try:
        ptrace.request(ptrace.SEIZE, pid, 0, ptrace.OPTIONS)
        os.write(go, b"!")
    finally:
        os.close(go)
    return pid


def _become(
    argv: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    outputs: tuple[int, int],
    largest_file: int,
    ready: int,
    go: int,
) -> None:
    try:
        os.close(go)
        if not os.read(ready, 1):
            os._exit(127)
        os.setsid()
        with open(os.devnull, "rb", buffering=0) as nothing:
            for target, source in enumerate((nothing.fileno(), *outputs)):
                os.dup2(source, target)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an ignored signal survives exec
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        if folder is not None:
            os.chdir(folder)
        seccomp.install(ptrace.LIBC)
        os.execvpe(argv[0], list(argv), dict(environment))
    except BaseException as error:  # whatever it is, this copy of the test must not run on
        os.write(2, f"{argv[0]}: {error}\n".encode())
    finally:
        sys.stdout = sys.stderr = None  # nothing of the test's buffers is written twice
        os._exit(127)
