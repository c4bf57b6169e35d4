"""A seccomp filter that hands the mutating system calls to the tracer and lets all others pass at full speed."""

import ctypes
import os
import platform
import struct

from tests.faults.syscalls import CALLS, Call

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, TRACE, KILL = 0x7FFF0000, 0x7FF00000, 0x80000000
NUMBER_AT, ARCHITECTURE_AT = 0, 4
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _argument_at(index: int) -> int:
    return 16 + 8 * index


def _verdict(call: Call) -> bytes:
    """What follows where the number has matched: always ends in a return."""
    if call.flags:
        argument, mask = call.flags
        code = _instruction(LOAD, _argument_at(argument)) + _instruction(ANY_BIT, mask, 0, 1)
        return code + _instruction(RETURN, TRACE) + _instruction(RETURN, ALLOW)
    if call.values:
        argument, values = call.values
        code = _instruction(LOAD, _argument_at(argument))
        code += b"".join(_instruction(EQUAL, value, 0, 1) + _instruction(RETURN, TRACE) for value in values)
        return code + _instruction(RETURN, ALLOW)
    return _instruction(RETURN, TRACE)


def _code() -> bytes:
    """A call of another architecture would be a mutation unseen: it ends its process."""
    code = _instruction(LOAD, ARCHITECTURE_AT) + _instruction(EQUAL, ARCHITECTURES[platform.machine()], 1, 0)
    code += _instruction(RETURN, KILL) + _instruction(LOAD, NUMBER_AT)
    for call in CALLS:
        if call.number is not None:
            verdict = _verdict(call)
            code += _instruction(EQUAL, call.number, 0, len(verdict) // 8) + verdict
    return code + _instruction(RETURN, ALLOW)


CODE = _code()


def install(libc: ctypes.CDLL) -> None:
    """For this process and all that descend from it; it cannot be taken away again."""
    program = Program(len(CODE) // 8, CODE)
    if os.geteuid() != 0:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
