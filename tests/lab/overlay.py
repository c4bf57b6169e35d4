"""A host's own file system: a writable layer over the shared base, made and thrown away in milliseconds."""

import os
from pathlib import Path

from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.record import Record


def mount(record: Record, base: Path) -> None:
    """The writable layer lies on the cache disk; where that is itself an overlay (in a container), on a tmpfs."""
    unmount(record)  # left by a boot of this machine that lost its records
    record.root.mkdir(parents=True)
    layer = _layer(record)
    layer.mkdir()
    try:
        _mount_over(base, layer, record.root)
    except LabError:
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "remediate-lab", layer)
        _mount_over(base, layer, record.root)


def unmount(record: Record) -> None:
    """Unmounts and deletes the host's folder; what is already gone is no error."""
    if os.path.ismount(record.root):
        _forget_nspawn_lock(record.root)
    for place in (record.root, _layer(record)):
        if os.path.ismount(place):
            run("umount", place)
    run("rm", "-rf", "--one-file-system", record.directory)


def _layer(record: Record) -> Path:
    return record.directory / "layer"


def _mount_over(base: Path, layer: Path, root: Path) -> None:
    upper, work = layer / "upper", layer / "work"
    upper.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    options = f"lowerdir={base},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "remediate-lab", "-o", options, root)


def _forget_nspawn_lock(root: Path) -> None:
    """systemd-nspawn leaves an empty lock file for each tree it ever booted."""
    stat = root.stat()
    Path(f"/run/systemd/nspawn/locks/inode-{stat.st_dev}:{stat.st_ino}").unlink(missing_ok=True)
