"""ptrace(2) by ctypes: the requests that the stepper needs, and a stopped process's call and memory."""

import ctypes
import os
import platform
import struct
from dataclasses import dataclass

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
LIBC.ptrace.restype = ctypes.c_long

CONT, SYSCALL, GETEVENTMSG, GETREGSET, SETREGSET = 7, 24, 0x4201, 0x4204, 0x4205
SEIZE, LISTEN, GET_SYSCALL_INFO = 0x4206, 0x4208, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_SECCOMP, EVENT_STOP = 1, 2, 3, 4, 7, 128
SYSCALL_STOP = 0x80  # added to SIGTRAP by TRACESYSGOOD
# TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC, TRACESECCOMP, EXITKILL
OPTIONS = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
WALL = 0x40000000

_PRSTATUS, _ARM_SYSTEM_CALL = 1, 0x404
_X86_RAX, _X86_ORIG_RAX = 10 * 8, 15 * 8


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@dataclass(frozen=True)
class Entered:
    """A system call that is about to run."""

    number: int
    arguments: tuple[int, ...]


def request(what: int, pid: int, address: int = 0, data: int = 0) -> None:
    if LIBC.ptrace(what, pid, address, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {what:#x} of {pid}: {os.strerror(number)}")


def event_message(pid: int) -> int:
    message = ctypes.c_ulong()
    request(GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def entered(pid: int) -> Entered:
    info = ctypes.create_string_buffer(96)
    request(GET_SYSCALL_INFO, pid, 96, ctypes.addressof(info))
    number, *arguments = struct.unpack_from("<7Q", info, 24)
    return Entered(number, tuple(arguments))


def result(pid: int) -> int:
    """At the exit of a call: what it returned, a negative errno for a failure."""
    info = ctypes.create_string_buffer(96)
    request(GET_SYSCALL_INFO, pid, 96, ctypes.addressof(info))
    value: int = struct.unpack_from("<q", info, 24)[0]
    return value


def text(pid: int, address: int) -> str:
    """The string at an address of a stopped process, which ends before a page that is not there."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        found = b""
        while b"\0" not in found and len(found) < 4096:
            at = address + len(found)
            found += os.pread(memory.fileno(), min(256, 4096 - at % 4096), at)
    return os.fsdecode(found.split(b"\0", 1)[0])


def word(pid: int, address: int) -> int:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return int.from_bytes(os.pread(memory.fileno(), 8, address), "little")


def skip_call(pid: int) -> None:
    """At the entry of a call: it will not run."""
    if platform.machine() == "x86_64":
        _change_register(pid, _X86_ORIG_RAX, -1)
    else:
        number = ctypes.c_int(-1)
        vector = Vector(ctypes.addressof(number), 4)
        request(SETREGSET, pid, _ARM_SYSTEM_CALL, ctypes.addressof(vector))


def set_result(pid: int, value: int) -> None:
    """At the exit of a call: what it returns."""
    _change_register(pid, _X86_RAX if platform.machine() == "x86_64" else 0, value)


def _change_register(pid: int, offset: int, value: int) -> None:
    registers = ctypes.create_string_buffer(512)
    vector = Vector(ctypes.addressof(registers), 512)
    request(GETREGSET, pid, _PRSTATUS, ctypes.addressof(vector))
    struct.pack_into("<q", registers, offset, value)
    request(SETREGSET, pid, _PRSTATUS, ctypes.addressof(vector))
