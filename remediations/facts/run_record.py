"""The record of one run on the host: what it did to which file and unit, the old bytes, and what stands there now."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediations.facts import files
from remediations.facts.base import Fact, Unknown
from remediations.facts.files import Files, HostFile
from remediations.facts.runs import Run
from remediations.quoting import quote

HOME = "/var/lib/remediate/txn"

_OP = re.compile(r"([0-9]{1,6}) (absent|[0-9a-f]{64}) (absent|[0-9a-f]{64}) [0-7]+ [0-9]+:[0-9]+ (/.+)")
_ACT = re.compile(
    r"(daemon-reload|end|start|restart|reload|enable|disable) ([0-9]+) (?:nginx|other) [0-9]+ [0-9]+ (\S+) (.*)"
)
_ACTED = re.compile(r"(?:daemon-reload|end|start|restart|reload|enable|disable) (\S+) [0-9]+ (?:nginx|other) (\S+) .*")


@dataclass(frozen=True)
class RecordedFile:
    """`before` and `after` are hashes, None for no file; `image` is the old file as kept, `now` what is there."""

    path: str
    before: str | None
    after: str | None
    image: HostFile | None
    now: HostFile | None

    @property
    def kept(self) -> bool:
        """Whether the old bytes are there, all of them."""
        return (self.image.sha256 if self.image else None) == self.before

    @property
    def stands(self) -> str | None:
        """The hash of what is there now."""
        return self.now.sha256 if self.now else None


@dataclass(frozen=True)
class RecordedAct:
    """`unit` is "" for the manager, or where a daemon has none: then `pid` and `title` say which daemon it was.

    `was` is the state in which the unit was found ("active"), "" where it was not acted on.
    """

    action: str
    unit: str
    pid: int
    title: str
    was: str


@dataclass(frozen=True)
class RunRecord:
    """`made` are the folders that the run made, the outermost first."""

    run: Run
    files: tuple[RecordedFile, ...]
    acts: tuple[RecordedAct, ...]
    made: tuple[str, ...]


def fact(run: Run) -> Fact[RunRecord]:
    """Everything in one answer: the run's own lists, its before-images, and the files that it wrote as they are now."""
    folder = f"{HOME}/{run.id}"
    own = [f"{folder}/{name}" for name in ("ops", "acts", "acted", "made")]
    exact = [quote(path) for path in (*own, *(file.path for file in run.files))]  # a name may hold a glob's characters
    script = f"{files.EMIT_FILES}\nemit_files {quote(folder)}/before/* {' '.join(exact)}\n"
    return Fact("run_record", script, lambda stdout: parse(stdout, run), seconds=30, most=files.MAX_ALL_BYTES)


def parse(stdout: bytes, run: Run) -> RunRecord | Unknown:
    """See `fact`."""
    found = files.parse(stdout)
    if isinstance(found, Unknown):
        return found
    folder = f"{HOME}/{run.id}"
    if f"{folder}/ops" not in found or f"{folder}/acts" not in found:
        return Unknown(f"the record in {folder} is not there any more")
    acted = dict(_acted(_lines(found, f"{folder}/acted")))
    ops = [_OP.fullmatch(line) for line in _lines(found, f"{folder}/ops")]
    acts = [_ACT.fullmatch(line) for line in _lines(found, f"{folder}/acts")]
    if not all(ops) or not all(acts):
        return Unknown(f"the record in {folder} is damaged")
    return RunRecord(
        run,
        tuple(_file(op, folder, found) for op in ops if op),
        tuple(_act(act, acted) for act in acts if act),
        tuple(line for line in _lines(found, f"{folder}/made") if posixpath.isabs(line)),
    )


def _lines(found: Files, path: str) -> list[str]:
    data = found[path].data if path in found else b""
    return [line for line in data.decode(errors="surrogateescape").split("\n") if line]


def _file(op: re.Match[str], folder: str, found: Files) -> RecordedFile:
    number, before, after, path = op.groups()
    image = found.get(f"{folder}/before/{number}")
    return RecordedFile(path, _hash(before), _hash(after), image if before != "absent" else None, found.get(path))


def _act(act: re.Match[str], acted: dict[str, str]) -> RecordedAct:
    action, pid, unit, title = act.groups()
    name = "" if unit == "-" else unit
    return RecordedAct(action, name, int(pid), title, acted.get(unit, ""))


def _acted(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := _ACTED.fullmatch(line):
            yield match[2], match[1]


def _hash(word: str) -> str | None:
    return None if word == "absent" else word
