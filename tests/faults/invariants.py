"""The promises of a transaction, checked on the folders that it has changed: which is broken, where, at which step."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TERMINAL = ("COMMITTED", "ROLLED_BACK", "REFUSED")


@dataclass(frozen=True)
class File:
    """A regular file's bytes and what a clone of it must keep."""

    data: bytes
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data)
        os.chown(path, *self.owner)
        path.chmod(self.mode)
        for name, value in self.xattrs.items():
            os.setxattr(path, name, value)


@dataclass(frozen=True)
class Operation:
    """None is a file that is not there: `before` of a creation, `after` of a deletion."""

    path: str
    before: File | None
    after: File | None


@dataclass(frozen=True)
class Broken:
    invariant: str
    path: str
    words: str
    step: str = ""

    def __str__(self) -> str:
        return f"{self.invariant} broken at {self.step or 'the end'}: {self.path}: {self.words}"


@dataclass(frozen=True)
class Outcome:
    """What is to be judged: `state` is the journal's (None: there is none), `acknowledged` the last that was told.

    `foreign` are bytes that somebody else wrote meanwhile, by path; `known` are the files that were there before,
    `journal` the folders in which a transaction may leave files.
    """

    operations: Sequence[Operation]
    state: str | None
    acknowledged: str | None = None
    foreign: Mapping[str, bytes] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    journal: tuple[str, ...] = ("/var/lib/remediate",)
    step: str = ""
    ended: bool = True  # the recovery has been: the state must be one that lasts


def read(path: str | Path) -> File | None:
    """Raises where something else than a regular file is there: that is neither old nor new."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise IsADirectoryError(f"{path} is no regular file")
    xattrs = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return File(Path(path).read_bytes(), stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid), xattrs)


def names_below(folders: Iterable[str]) -> frozenset[str]:
    """All names, folders' too, to be `known` before the program begins."""
    return frozenset(
        os.path.join(at, name) for top in folders for at, inner, names in os.walk(top) for name in (*inner, *names)
    )


def check(outcome: Outcome, folders: Sequence[str]) -> list[Broken]:
    """Looks at the folders as they are now. I1, I2, I3, I4 (what was told stands), I5, I7 (an end), I8."""
    found = {operation.path: read(operation.path) for operation in outcome.operations}
    broken = [*_old_or_new(outcome, found), *_one_generation(outcome, found), *_acknowledged(outcome)]
    broken += [*_has_ended(outcome), *_nothing_lost(outcome, folders), *_no_leftovers(outcome, folders)]
    return [Broken(each.invariant, each.path, each.words, outcome.step) for each in broken]


def _old_or_new(outcome: Outcome, found: Mapping[str, File | None]) -> Iterable[Broken]:
    for operation in outcome.operations:
        now = found[operation.path]
        theirs = outcome.foreign.get(operation.path)
        if now in (operation.before, operation.after) or (now is not None and now.data == theirs):
            continue
        yield Broken("I1", operation.path, f"neither old nor new: {_difference(now, operation)}")


def _one_generation(outcome: Outcome, found: Mapping[str, File | None]) -> Iterable[Broken]:
    ours = [operation for operation in outcome.operations if operation.path not in outcome.foreign]
    old = all(found[operation.path] == operation.before for operation in ours)
    new = all(found[operation.path] == operation.after for operation in ours)
    terminal = outcome.state is None or outcome.state in TERMINAL
    paths = " ".join(operation.path for operation in ours)
    if terminal and not (old or new):
        yield Broken("I2", paths, f"files of two generations in state {outcome.state}")
    if terminal and (outcome.state == "COMMITTED") != new and ours:
        yield Broken("I3", paths, f"state {outcome.state}, but {'all are new' if new else 'not all are new'}")


def _acknowledged(outcome: Outcome) -> Iterable[Broken]:
    if outcome.acknowledged in TERMINAL and outcome.state != outcome.acknowledged:
        yield Broken("I4", "", f"{outcome.acknowledged} was told, the journal says {outcome.state}")


def _has_ended(outcome: Outcome) -> Iterable[Broken]:
    """A person is only needed where somebody else has written."""
    lasting = (None, *TERMINAL, "NEEDS_HUMAN") if outcome.foreign else (None, *TERMINAL)
    if outcome.ended and outcome.state not in lasting:
        yield Broken("I7", "", f"after the recovery the state is {outcome.state!r}")


def _nothing_lost(outcome: Outcome, folders: Sequence[str]) -> Iterable[Broken]:
    """Somebody's bytes are still somewhere: in their place, beside it or in the journal."""
    kept = [Path(path) for path in names_below((*folders, *outcome.journal))]
    for path, data in outcome.foreign.items():
        if not any(file.is_file() and not file.is_symlink() and file.read_bytes() == data for file in kept):
            yield Broken("I5", path, f"{data[:40]!r}, which somebody else wrote, is gone")


def _no_leftovers(outcome: Outcome, folders: Sequence[str]) -> Iterable[Broken]:
    if outcome.state is not None and outcome.state not in TERMINAL:
        return
    allowed = outcome.known | {operation.path for operation in outcome.operations} | set(outcome.foreign)
    if outcome.state == "COMMITTED":
        allowed |= {str(parent) for operation in outcome.operations for parent in Path(operation.path).parents}
    for path in sorted(names_below(folders) - allowed):
        if not path.startswith(tuple(f"{folder}/" for folder in outcome.journal)):
            yield Broken("I8", path, f"left over in state {outcome.state}")


def check_served(outcome: Outcome, served: Mapping[str, bytes]) -> list[Broken]:
    """I10: where the state is terminal the daemon serves that generation of the files that it reads."""
    if outcome.state is not None and outcome.state not in TERMINAL:
        return []
    new = outcome.state == "COMMITTED"
    pairs = [(each.path, each.after if new else each.before) for each in outcome.operations]
    return [
        Broken(
            "I10",
            path,
            f"state {outcome.state}, but the daemon serves {(served.get(path) or b'nothing')[-40:]!r}",
            outcome.step,
        )
        for path, file in pairs
        if served.get(path) != (file.data if file else None)
    ]


def _difference(now: File | None, operation: Operation) -> str:
    if now is None:
        return "it is gone"
    expected = [file for file in (operation.before, operation.after) if file is not None]
    if not any(now.data == file.data for file in expected):
        return f"{len(now.data)} bytes, {now.data[:40]!r}"
    return f"the bytes are known, but mode {now.mode:o}, owner {now.owner}, xattr {dict(now.xattrs)} are not theirs"
