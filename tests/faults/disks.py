"""Small disks whose power can be cut at any instant: a copy of what the device holds is what survives.

Not modelled: a power cut in the middle of one fsync, and a device that loses or reorders what it has acknowledged.
"""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.mounts import loop_device, mounted
from tests.faults.ptrace import LIBC

MIB = 1 << 20
FOLDER = Path("/dev/shm")  # a disk of memory: a sweep keeps hundreds of images for a minute


@dataclass(frozen=True)
class Model:
    """How much reaches the device by itself.

    strict: only what was fsynced (nothing else within the kernel's 30 s). `eager`: at each cut the journal has just
    committed all names and sizes, ahead of the data that are still to be allocated. ext4's default options write those
    data early where a file is replaced by name (auto_da_alloc); ext4-eager leaves that kindness out.
    """

    name: str
    kind: str
    size: int
    make: tuple[str, ...]
    options: str
    eager: bool
    again: str = ""  # options with which a copy is mounted
    all_survives: bool = False  # no power cut: every process was killed, the kernel and its caches live on


_EXT4 = ("mkfs.ext4", "-q", "-F", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0")
EXT4_STRICT = Model("ext4-strict", "ext4", 32 * MIB, _EXT4, "commit=3600,noauto_da_alloc", False)
EXT4_DEFAULT = Model("ext4-default", "ext4", 32 * MIB, _EXT4, "", True)
EXT4_EAGER = Model("ext4-eager", "ext4", 32 * MIB, _EXT4, "noauto_da_alloc", True)
XFS = Model("xfs", "xfs", 300 * MIB, ("mkfs.xfs", "-q", "-f"), "", True, "nouuid")
KILL = Model("kill", "ext4", 32 * MIB, _EXT4, "", False, all_survives=True)
MODELS = (EXT4_STRICT, EXT4_DEFAULT, EXT4_EAGER, XFS)


@dataclass
class Disk:
    """A mounted disk. `root` is its top folder; `cuts` has each distinct image once."""

    model: Model
    root: Path
    image: Path
    device: str
    cuts: dict[str, Path] = field(default_factory=dict)

    def sync(self) -> None:
        """All that has been written so far survives: the state before the program begins."""
        folder = os.open(self.root, os.O_RDONLY)
        try:
            if LIBC.syncfs(folder) != 0:
                raise OSError(ctypes.get_errno(), "syncfs", str(self.root))
        finally:
            os.close(folder)

    def cut(self) -> Path:
        """The image that a power cut at this instant leaves; the same file again where the device has not changed."""
        if self.model.all_survives:
            self.sync()
        if self.model.eager:
            self._commit()
        data = self._read()
        digest = hashlib.blake2b(b"".join(b"%d:" % at + block for at, block in data), digest_size=16).hexdigest()
        if digest not in self.cuts:
            path = self.image.with_name(f"{self.image.stem}.{len(self.cuts)}.cut")
            write_sparse(path, data, self.model.size)
            self.cuts[digest] = path
        return self.cuts[digest]

    def _commit(self) -> None:
        """An fsync of another program's file makes the journal commit the names and sizes of all."""
        file = os.open(self.root / ".unrelated", os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(file, os.urandom(8), 0)
        os.fsync(file)
        os.close(file)

    def _read(self) -> list[tuple[int, bytes]]:
        """What the device holds, read again where the kernel wrote meanwhile."""
        while True:
            before = self._writes()
            data = read_sparse(self.image)
            if self._writes() == before:
                return data

    def _writes(self) -> list[str]:
        return Path(f"/sys/block/{Path(self.device).name}/stat").read_text().split()[4:9]


@contextmanager
def disk(model: Model, folder: Path, root: Path) -> Iterator[Disk]:
    """A new disk, mounted at `root`; its image and its cuts are in `folder`. To be used inside `in_private`."""
    with ExitStack() as stack:
        image = folder / f"{model.name}.image"
        make(model, image)
        device = stack.enter_context(loop_device(image))
        root.mkdir(parents=True, exist_ok=True)
        stack.enter_context(mounted(device, root, model.kind, options=model.options))
        yield Disk(model, root, image, device)


@contextmanager
def mounted_copy(model: Model, cut: Path, root: Path) -> Iterator[Path]:
    """The cut after the reboot, at `root`: a copy replays the journal, so that the cut may be looked at again."""
    with ExitStack() as stack:
        copy = Path(stack.enter_context(tempfile.NamedTemporaryFile(dir=cut.parent, suffix=".copy")).name)
        write_sparse(copy, read_sparse(cut), model.size)
        device = stack.enter_context(loop_device(copy))
        root.mkdir(parents=True, exist_ok=True)
        stack.enter_context(mounted(device, root, model.kind, options=model.again))
        yield root


@contextmanager
def images() -> Iterator[Path]:
    """A folder for images and mount points, in memory; it outlives the namespaces and ends with the test."""
    with tempfile.TemporaryDirectory(prefix=f"faults-{os.getpid()}-", dir=FOLDER) as folder:
        yield Path(folder)


def make(model: Model, image: Path) -> None:
    with open(image, "wb") as file:
        file.truncate(model.size)
    subprocess.run([*model.make, str(image)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["fallocate", "--dig-holes", str(image)], check=True)  # an empty log is zeros


def read_sparse(path: Path) -> list[tuple[int, bytes]]:
    data, at = [], 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while (start := _data_after(file.fileno(), at)) is not None:
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            data.append((start, os.pread(file.fileno(), min(at, size) - start, start)))
    return data


def _data_after(file: int, at: int) -> int | None:
    try:
        return os.lseek(file, at, os.SEEK_DATA)
    except OSError:  # ENXIO: there is none
        return None


def write_sparse(path: Path, data: list[tuple[int, bytes]], size: int) -> None:
    with open(path, "wb", buffering=0) as file:
        file.truncate(size)
        for at, block in data:
            os.pwrite(file.fileno(), block, at)
