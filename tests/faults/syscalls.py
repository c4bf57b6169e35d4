"""The system calls that change a file system, with their numbers and the arguments that say which file."""

import os
import platform
from dataclasses import dataclass

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FICLONE, FICLONERANGE, SETFLAGS = 0x40049409, 0x4020940D, 0x40086602


@dataclass(frozen=True)
class Call:
    """`operands` names the files: `p1` a path in argument 1, `a0` a folder in 0 with a path in 1, `f0` a descriptor."""

    name: str
    x86_64: int | None
    aarch64: int | None
    operands: tuple[str, ...] = ()
    flags: tuple[int, int] | None = None  # (argument, mask): counts only where a bit of the mask is set
    values: tuple[int, tuple[int, ...]] | None = None  # (argument, values): counts only for one of these

    @property
    def number(self) -> int | None:
        return self.x86_64 if platform.machine() == "x86_64" else self.aarch64


CALLS = (
    Call("write", 1, 64, ("f0",)),
    Call("pwrite64", 18, 68, ("f0",)),
    Call("writev", 20, 66, ("f0",)),
    Call("pwritev", 296, 70, ("f0",)),
    Call("pwritev2", 328, 287, ("f0",)),
    Call("sendfile", 40, 71, ("f0",)),
    Call("splice", 275, 76, ("f2",)),
    Call("copy_file_range", 326, 285, ("f2",)),
    Call("ioctl", 16, 29, ("f0",), values=(1, (FICLONE, FICLONERANGE, SETFLAGS))),
    Call("fallocate", 285, 47, ("f0",)),
    Call("truncate", 76, 45, ("p0",)),
    Call("ftruncate", 77, 46, ("f0",)),
    Call("open", 2, None, ("p0",), flags=(1, WRITING)),
    Call("openat", 257, 56, ("a0",), flags=(2, WRITING)),
    Call("openat2", 437, 437, ("a0",)),
    Call("creat", 85, None, ("p0",)),
    Call("mknod", 133, None, ("p0",)),
    Call("mknodat", 259, 33, ("a0",)),
    Call("mkdir", 83, None, ("p0",)),
    Call("mkdirat", 258, 34, ("a0",)),
    Call("rmdir", 84, None, ("p0",)),
    Call("unlink", 87, None, ("p0",)),
    Call("unlinkat", 263, 35, ("a0",)),
    Call("rename", 82, None, ("p0", "p1")),
    Call("renameat", 264, 38, ("a0", "a2")),
    Call("renameat2", 316, 276, ("a0", "a2")),
    Call("link", 86, None, ("p0", "p1")),
    Call("linkat", 265, 37, ("a0", "a2")),
    Call("symlink", 88, None, ("p1",)),
    Call("symlinkat", 266, 36, ("a1",)),
    Call("chmod", 90, None, ("p0",)),
    Call("fchmod", 91, 52, ("f0",)),
    Call("fchmodat", 268, 53, ("a0",)),
    Call("fchmodat2", 452, 452, ("a0",)),
    Call("chown", 92, None, ("p0",)),
    Call("lchown", 94, None, ("p0",)),
    Call("fchown", 93, 55, ("f0",)),
    Call("fchownat", 260, 54, ("a0",)),
    Call("setxattr", 188, 5, ("p0",)),
    Call("lsetxattr", 189, 6, ("p0",)),
    Call("fsetxattr", 190, 7, ("f0",)),
    Call("removexattr", 197, 14, ("p0",)),
    Call("lremovexattr", 198, 15, ("p0",)),
    Call("fremovexattr", 199, 16, ("f0",)),
    Call("utime", 132, None, ("p0",)),
    Call("utimes", 235, None, ("p0",)),
    Call("futimesat", 261, None, ("a0",)),
    Call("utimensat", 280, 88, ("a0",)),
    Call("fsync", 74, 82, ("f0",)),
    Call("fdatasync", 75, 83, ("f0",)),
    Call("sync_file_range", 277, 84, ("f0",)),
    Call("sync", 162, 81),
    Call("syncfs", 306, 267, ("f0",)),
    Call("mount", 165, 40, ("p1",)),
    Call("umount2", 166, 39, ("p0",)),
    Call("move_mount", 429, 429, ("a2",)),
    Call("mount_setattr", 442, 442, ("a0",)),
)
BY_NUMBER = {call.number: call for call in CALLS if call.number is not None}
