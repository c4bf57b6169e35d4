"""The disks lose what real ones lose: what was not fsynced is gone or torn, what was fsynced stands."""

import functools
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec

import pytest

from tests.faults.disks import (
    EXT4_DEFAULT,
    EXT4_EAGER,
    EXT4_STRICT,
    MODELS,
    XFS,
    Disk,
    Model,
    disk,
    images,
    mounted_copy,
)
from tests.faults.namespace import Failed, in_parallel, in_private
from tests.faults.stepper import Stepper

P = ParamSpec("P")
TRIES = 4
OVERWRITE = "echo new > f"
RENAME = "echo new > f.new; mv -T f.new f"
SAFE = "echo new > f.new; sync -- f.new; mv -T f.new f; sync -- ."
OLD, NEW, TORN = b"old\n", b"new\n", b""


def cuts_of(model: Model, folder: Path, script: str) -> list[Path]:
    with disk(model, folder, folder / "disk") as device:
        (device.root / "f").write_bytes(OLD)
        device.sync()
        return run(device, script)


def run(device: Disk, script: str) -> list[Path]:
    with Stepper(["dash", "-c", script], cwd=device.root) as tree:
        before = [device.cut() for _ in tree]
    assert tree.exit_code == 0
    return [*before, device.cut()]


def content(model: Model, folder: Path, cut: Path) -> bytes | None:
    with mounted_copy(model, cut, folder / f"look-{cut.stem}") as root:
        return (root / "f").read_bytes() if (root / "f").exists() else None


def survivors(model: Model, script: str) -> list[bytes | None]:
    """What `f` holds after a power cut before each step and, last, after the program's success."""
    with images() as folder:
        cuts = in_private(partial(cuts_of, model, folder, script))
        return in_parallel(partial(content, model, folder), cuts)


def undisturbed(test: Callable[P, None]) -> Callable[P, None]:
    """Somebody's sync(2) anywhere on this machine writes out all disks: what a disk has lost may want another look."""

    @functools.wraps(test)
    def again(*args: P.args, **named: P.kwargs) -> None:
        for _ in range(TRIES - 1):
            with suppress(AssertionError):
                return test(*args, **named)
        return test(*args, **named)

    return again


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_with_fsync_before_and_after_the_rename_a_file_is_old_or_new_and_in_the_end_new(model: Model) -> None:
    found = survivors(model, SAFE)
    assert set(found) == {OLD, NEW}
    assert found[found.index(NEW) :] == [NEW] * found.count(NEW)


@undisturbed
def test_what_was_never_fsynced_has_never_been_on_a_strict_disk() -> None:
    assert set(survivors(EXT4_STRICT, RENAME)) == {OLD}


@undisturbed
def test_a_fsync_of_another_file_makes_a_rename_durable_ahead_of_its_data_on_a_strict_disk() -> None:
    assert survivors(EXT4_STRICT, RENAME + "; echo x > other; sync -- other")[-1] == TORN


@pytest.mark.parametrize("model", [EXT4_EAGER, XFS], ids=lambda model: model.name)
@undisturbed
def test_a_rename_without_fsync_leaves_an_empty_file(model: Model) -> None:
    assert TORN in survivors(model, RENAME)


@pytest.mark.parametrize("model", [EXT4_DEFAULT, EXT4_EAGER, XFS], ids=lambda model: model.name)
@undisturbed
def test_a_file_that_is_written_over_is_empty_in_between(model: Model) -> None:
    assert TORN in survivors(model, OVERWRITE)


@undisturbed
def test_ext4_by_default_writes_early_where_a_file_is_replaced_but_not_where_one_is_created() -> None:
    assert TORN not in survivors(EXT4_DEFAULT, RENAME)
    assert survivors(EXT4_DEFAULT, "mv -T f away; sync .; " + RENAME)[-1] == TORN


@undisturbed
def test_a_rename_without_fsync_of_its_folder_may_be_lost_though_the_program_has_ended_well() -> None:
    assert survivors(EXT4_STRICT, "echo new > f.new; sync -- f.new; mv -T f.new f")[-1] == OLD


@undisturbed
def test_a_device_that_nothing_was_written_to_gives_the_same_image() -> None:
    with images() as folder:
        cuts = in_private(partial(cuts_of, EXT4_STRICT, folder, SAFE))
    assert [int(cut.stem.rpartition(".")[2]) for cut in cuts] == [0, 0, 0, 1, 1, 1, 2]


def test_nothing_of_it_is_left_outside() -> None:
    survivors(EXT4_STRICT, RENAME)
    ours = f"faults-{os.getpid()}-"  # other tests have theirs at the same time
    assert ours not in Path("/proc/self/mountinfo").read_text()
    backing = [file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    assert not [path for path in backing if ours in path]


def test_an_error_in_the_private_namespaces_is_told_outside() -> None:
    def broken() -> None:
        raise ValueError("canary")

    with pytest.raises(Failed, match="canary"):
        in_private(broken)


def test_what_was_started_in_the_private_namespaces_ends_with_them(tmp_path: Path) -> None:
    def leave() -> int:
        return subprocess.Popen(["sh", "-c", f"sleep 0.3; : > {tmp_path}/late"]).pid

    assert in_private(leave) < 10
    time.sleep(0.5)
    assert not (tmp_path / "late").exists()
