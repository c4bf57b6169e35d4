"""mount(2) and loop devices by their system calls: a sweep mounts hundreds of images, and mount(8) would be slower."""

import ctypes
import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.ptrace import LIBC

MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
LOOP_CONFIGURE, LOOP_CTL_GET_FREE, LO_FLAGS_AUTOCLEAR = 0x4C0A, 0x4C82, 4

LIBC.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def mount(source: str | Path, target: Path | str, kind: str = "", flags: int = 0, options: str = "") -> None:
    words = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())
    if LIBC.mount(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind or 'bind'} {source} ({options}): {os.strerror(number)}", str(target))


def unmount(target: Path | str, flags: int = 0) -> None:
    """A moment's EBUSY (the last process has only just gone) is waited for."""
    for attempt in range(50):
        if LIBC.umount2(os.fsencode(target), flags) == 0:
            return
        if (number := ctypes.get_errno()) != errno.EBUSY or attempt == 49:
            raise OSError(number, f"unmount: {os.strerror(number)}", str(target))
        time.sleep(0.02)


@contextmanager
def mounted(
    source: str | Path, target: Path | str, kind: str = "", flags: int = 0, options: str = ""
) -> Iterator[None]:
    mount(source, target, kind, flags, options)
    try:
        yield
    finally:
        unmount(target)


@contextmanager
def loop_device(image: Path) -> Iterator[str]:
    """The device goes with its last user, even if nobody takes it back."""
    with open(image, "r+b", buffering=0) as file:
        device = _attach(file.fileno())
    try:
        yield f"/dev/loop{_number(device)}"
    finally:
        os.close(device)


def _attach(image: int) -> int:
    information = bytearray(232)
    struct.pack_into("<I", information, 52, LO_FLAGS_AUTOCLEAR)
    configuration = struct.pack("<II", image, 0) + bytes(information) + bytes(64)
    while True:
        with open("/dev/loop-control", "rb", buffering=0) as control:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        device = os.open(f"/dev/loop{number}", os.O_RDWR)
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, configuration)
            return device
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:  # another test was quicker
                raise


def _number(device: int) -> int:
    return os.minor(os.fstat(device).st_rdev)
