"""The runs of this toolkit on the host, from its own journal: who changed what, from where, when, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from remediations.facts.base import Fact, Unknown
from remediations.remote import program
from remediations.run_id import RESTORE, RUN_ID

UNDO = "undo"
"""What an undoing run says that it is: `undo ID`."""

STATES = (
    "new", "prepared", "swapping", "await", "committed", "aborting", "rolling_back", "rolled_back", "needs_human",
    "refused", "locked",
)  # fmt: skip
ENDED = ("committed", "rolled_back", "needs_human", "refused", "locked")

SWITCHES = ("enable", "disable")
"""The acts on units that an undo takes back."""
MOST_RUNS = 200
MOST_WORDS = 200
"""Characters of a name that the host gives."""

_FILE = re.compile(r"(absent|[0-9a-f]{64}) (absent|[0-9a-f]{64}) (/.+)")
_ACT = re.compile(r"(daemon-reload|end|start|restart|reload|enable|disable) (\S{1,256})")


@dataclass(frozen=True)
class WrittenFile:
    """A file of a run: what it held before and what the run wrote, as sha256; None is "no file"."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Run:
    """`when` in seconds since the epoch by the host's clock; `acts` as (action, unit); `state` of STATES, or unknown.

    Every word comes from the host: to be masked before anybody sees it.
    """

    id: str
    state: str
    when: float
    who: str = "?"
    origin: str = "?"
    what: str = ""
    files: tuple[WrittenFile, ...] = ()
    acts: tuple[tuple[str, str], ...] = ()
    until: float | None = None
    """When the host undoes it by itself, where it waits for a confirmation."""

    @property
    def undoes(self) -> str | None:
        """The run that this one has taken back."""
        if self.id.endswith(RESTORE):
            return self.id.removesuffix(RESTORE)
        word, _, run = self.what.partition(" ")
        return run if word == UNDO and RUN_ID.fullmatch(run) else None

    @property
    def remediations(self) -> tuple[str, ...]:
        return tuple(name for name in self.what.split(",") if name)

    @property
    def reversible(self) -> bool:
        """Whether it did something that can be taken back: to files, or to what begins at a boot."""
        return bool(self.files) or any(act in SWITCHES for act, _ in self.acts)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def committed(self) -> bool:
        return self.state == "committed"


@dataclass(frozen=True)
class Runs:
    """The oldest first. `open` is the run that has not ended, `holder` who works on this host now, as the host says it.

    `damaged` counts folders of the journal that are no runs.
    """

    every: tuple[Run, ...] = ()
    open: str | None = None
    holder: str | None = None
    damaged: int = 0

    def find(self, run: str) -> Run | None:
        return next((one for one in self.every if one.id == run), None)

    @cached_property
    def undone_by(self) -> dict[str, str]:
        """Which run took which one back, and was not taken back itself."""
        found: dict[str, str] = {}
        for run in reversed(self.every):  # the latest first: whether it stands is known when its word is needed
            if run.undoes and run.committed and run.id not in found:
                found.setdefault(run.undoes, run.id)
        return found

    def stands(self, run: Run) -> bool:
        """Whether what it did was kept and is not taken back."""
        return run.committed and run.id not in self.undone_by

    @property
    def to_undo(self) -> Run | None:
        """The last one that stands and can be; one that undoes is no such run, or undo twice would be nothing."""
        mine = (run for run in reversed(self.every) if self.stands(run) and not run.undoes)
        return next((run for run in mine if run.reversible or not run.acts), None)  # neither: its record is damaged

    def wrote(self, path: str, sha256: str | None) -> Run | None:
        """The last run whose bytes these are."""
        mine = (run for run in reversed(self.every) if run.committed)
        return next((run for run in mine if any((f.path, f.after) == (path, sha256) for f in run.files)), None)


def parse(stdout: bytes) -> Runs | Unknown:
    """The answer of `history` in remote/transaction.sh: `run ID STATE SECONDS`, then what belongs to it."""
    blocks: list[tuple[str, list[str]]] = []
    whole: dict[str, str] = {}
    for line in stdout.decode(errors="surrogateescape").split("\n"):
        word, _, rest = line.partition(" ")
        if word == "run":
            blocks.append((rest, []))
        elif word in ("open", "holder"):
            whole[word] = rest
        elif blocks:
            blocks[-1][1].append(line)
    runs = [run for head, lines in blocks if (run := _run(head, lines))]
    runs.sort(key=lambda run: (run.when, run.id))
    return Runs(
        tuple(runs[-MOST_RUNS:]), _id(whole.get("open", "")), _short(whole.get("holder", "")) or None,
        len(blocks) - len(runs),
    )  # fmt: skip


def _run(head: str, lines: Sequence[str]) -> Run | None:
    match = re.fullmatch(r"(\S+) ([A-Z_]*) ?([0-9]{1,12})?", head)
    if not match or not RUN_ID.fullmatch(match[1]):
        return None
    state = match[2].lower() if match[2].lower() in STATES else "unknown"
    told = dict(line.partition(" ")[::2] for line in lines if line.startswith(("who ", "from ", "what ", "until ")))
    until = told.get("until", "")
    return Run(
        match[1], state, float(match[3] or 0), _short(told.get("who", "?")), _short(told.get("from", "?")),
        _short(told.get("what", "")), tuple(_files(lines)), tuple(_acts(lines)),
        float(until) if re.fullmatch("[0-9]{1,12}", until) else None,
    )  # fmt: skip


def _files(lines: Sequence[str]) -> Iterator[WrittenFile]:
    for line in lines:
        if match := _FILE.fullmatch(line.removeprefix("file ")) if line.startswith("file ") else None:
            before, after = (None if each == "absent" else each for each in match.group(1, 2))
            yield WrittenFile(match[3], before, after)


def _acts(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := _ACT.fullmatch(line.removeprefix("act ")) if line.startswith("act ") else None:
            yield match[1], match[2]


def _id(text: str) -> str | None:
    return text if RUN_ID.fullmatch(text) else None


def _short(text: str) -> str:
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}…"


SCRIPT = f"""
base=/var/lib/remediate
[ -d "$base" ] || exit 0
[ -r "$base/txn" ] || [ ! -e "$base/txn" ] && [ -x "$base" ] || {{ echo "$base may not be read"; exit 1; }}
set -- history
{"".join(program(part) for part in ("transaction", "files", "units"))}"""

FACT: Fact[Runs] = Fact("runs", SCRIPT, parse, seconds=20)
