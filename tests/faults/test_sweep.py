"""A sound transaction passes every sweep; with any one of its parts left out it does not."""

import pytest

from tests.faults.disks import EXT4_EAGER, EXT4_STRICT, KILL, MODELS, XFS, Model
from tests.faults.little import scene
from tests.faults.shells import BUSYBOX_ALONE, SHELLS, Shell
from tests.faults.sweep import sweep


@pytest.mark.parametrize("model", [*MODELS, KILL], ids=lambda model: model.name)
def test_a_sound_transaction_survives_each_end(model: Model) -> None:
    result = sweep(scene(), model)
    assert not result.broken, "\n".join(map(str, result.broken))
    assert result.steps > 30


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
def test_it_does_so_under_each_shell(shell: Shell) -> None:
    result = sweep(scene(shell=shell), EXT4_STRICT)
    assert not result.broken, "\n".join(map(str, result.broken))


def test_what_the_applets_of_busybox_do_not_copy_is_found() -> None:
    broken = sweep(scene(shell=BUSYBOX_ALONE), EXT4_STRICT).broken
    assert {each.invariant for each in broken} >= {"I1"}
    assert all("xattr {}" in each.words for each in broken if each.invariant == "I1")


@pytest.mark.parametrize(
    ("unsafe", "model", "promises"),
    [
        ("fsync", EXT4_STRICT, "I4"),
        ("fsync", EXT4_EAGER, "I1 I2"),
        ("fsync", XFS, "I1 I2"),
        ("journal", KILL, "I2"),
        ("journal", EXT4_STRICT, "I2"),
        ("recover", KILL, "I7"),
        ("reload", KILL, "I10"),
        ("tidy", KILL, "I8"),
    ],
    ids=lambda value: value.name if isinstance(value, Model) else str(value),
)
def test_with_a_part_left_out_a_promise_is_broken(unsafe: str, model: Model, promises: str) -> None:
    broken = sweep(scene(unsafe), model).broken
    assert set(promises.split()) <= {each.invariant for each in broken}, "\n".join(map(str, broken))
    assert all(each.step for each in broken)
