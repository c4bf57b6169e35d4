"""Each broken promise is named, with its place; what is as promised is not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.invariants import File, Operation, Outcome, check, check_served, names_below

OLD, NEW = File(b"old", 0o640), File(b"new", 0o640)
LEAVE: Mapping[str, Callable[[Path], None]] = {
    "file": Path.touch,
    "link": lambda path: path.symlink_to("nowhere"),
    "folder": Path.mkdir,
}


def scene(folder: Path, state: str | None, **files: File | None) -> Outcome:
    """An edit of a, a creation of b and a deletion of c, with these files there now."""
    for name, file in files.items():
        if file is not None:
            file.write(folder / name)
    changes: Mapping[str, tuple[File | None, File | None]] = {"a": (OLD, NEW), "b": (None, NEW), "c": (OLD, None)}
    operations = [Operation(str(folder / name), *pair) for name, pair in changes.items()]
    return Outcome(operations, state, journal=(str(folder / "journal"),), step="step 7: rename")


def broken(outcome: Outcome, folder: Path) -> dict[str, str]:
    return {each.invariant: Path(each.path.split(" ")[0]).name for each in check(outcome, [str(folder)])}


@pytest.mark.parametrize("state", ["ROLLED_BACK", "REFUSED", None])
def test_all_old_is_as_promised_unless_committed(state: str | None, tmp_path: Path) -> None:
    outcome = scene(tmp_path, state, a=OLD, c=OLD)
    assert not broken(outcome, tmp_path)
    assert set(broken(replace(outcome, state="COMMITTED"), tmp_path)) == {"I3"}


def test_all_new_is_as_promised_if_committed_alone(tmp_path: Path) -> None:
    outcome = scene(tmp_path, "COMMITTED", a=NEW, b=NEW)
    assert not broken(outcome, tmp_path)
    for state in ("ROLLED_BACK", "REFUSED", None):
        assert set(broken(replace(outcome, state=state), tmp_path)) == {"I3"}


def test_a_mixture_is_only_allowed_before_the_end(tmp_path: Path) -> None:
    outcome = scene(tmp_path, "SWAPPING", a=NEW, c=OLD)
    assert set(broken(outcome, tmp_path)) == {"I7"}
    assert not broken(replace(outcome, ended=False), tmp_path)
    assert set(broken(replace(outcome, state="ROLLED_BACK"), tmp_path)) == {"I2"}
    assert set(broken(replace(outcome, state="COMMITTED"), tmp_path)) == {"I2", "I3"}


@pytest.mark.parametrize(
    "torn",
    [File(b"", 0o640), File(b"ne", 0o640), File(b"new", 0o600), File(b"new", 0o640, (0, 33)), None],
    ids=["empty", "short", "mode", "owner", "gone"],
)
def test_a_file_that_is_neither_old_nor_new_is_found_at_any_time(torn: File | None, tmp_path: Path) -> None:
    assert broken(replace(scene(tmp_path, "SWAPPING", a=torn, c=OLD), ended=False), tmp_path) == {"I1": "a"}


def test_a_lost_extended_attribute_is_found(tmp_path: Path) -> None:
    marked = File(b"old", 0o640, xattrs={"user.note": b"kept"})
    OLD.write(tmp_path / "a")
    outcome = Outcome([Operation(str(tmp_path / "a"), marked, NEW)], "ROLLED_BACK")
    assert "I1" in broken(outcome, tmp_path)


def test_what_was_told_must_stand(tmp_path: Path) -> None:
    outcome = scene(tmp_path, "ROLLED_BACK", a=OLD, c=OLD)
    assert set(broken(replace(outcome, acknowledged="COMMITTED"), tmp_path)) == {"I4"}
    assert not broken(replace(outcome, acknowledged="ROLLED_BACK"), tmp_path)


def test_the_bytes_of_somebody_else_are_in_place_or_kept_beside(tmp_path: Path) -> None:
    theirs = {str(tmp_path / "a"): b"theirs"}
    outcome = replace(scene(tmp_path, "NEEDS_HUMAN", a=NEW, b=NEW), foreign=theirs)
    assert broken(outcome, tmp_path) == {"I5": "a"}
    File(b"theirs").write(tmp_path / "journal" / "saved")
    assert not broken(outcome, tmp_path)


def test_a_person_is_only_needed_where_somebody_else_wrote(tmp_path: Path) -> None:
    assert set(broken(scene(tmp_path, "NEEDS_HUMAN", a=OLD, c=OLD), tmp_path)) == {"I7"}


def test_what_is_left_over_is_found_be_it_file_link_or_folder(tmp_path: Path) -> None:
    outcome = scene(tmp_path, "COMMITTED", a=NEW, b=NEW)
    (tmp_path / "known").touch()
    File(b"").write(tmp_path / "journal" / "log")
    outcome = replace(outcome, known=names_below([str(tmp_path)]))
    assert not broken(outcome, tmp_path)
    for name, leave in LEAVE.items():
        leave(tmp_path / name)
        assert broken(outcome, tmp_path) == {"I8": name}
        outcome = replace(outcome, known=outcome.known | {str(tmp_path / name)})


def test_the_message_says_which_promise_where_and_when(tmp_path: Path) -> None:
    words = [str(each) for each in check(scene(tmp_path, None, a=File(b"x" * 3)), [str(tmp_path)])]
    assert words[0] == f"I1 broken at step 7: rename: {tmp_path}/a: neither old nor new: 3 bytes, b'xxx'"


def test_a_daemon_serves_the_generation_that_the_state_says(tmp_path: Path) -> None:
    outcome = scene(tmp_path, "COMMITTED")
    paths = [operation.path for operation in outcome.operations]
    assert not check_served(outcome, {paths[0]: b"new", paths[1]: b"new"})
    assert [each.path for each in check_served(outcome, {paths[0]: b"old", paths[1]: b"new"})] == [paths[0]]
    assert not check_served(replace(outcome, state="ROLLED_BACK"), {paths[0]: b"old", paths[2]: b"old"})
