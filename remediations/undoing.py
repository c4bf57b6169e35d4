"""Undo: the plan that leads back from one run, made only where all that it wrote is still what it wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from remediations.changes.file import FileChange
from remediations.changes.unit import ORDER, SWITCHES, UnitAction
from remediations.errors import RefusedError
from remediations.facts.base import Unknown
from remediations.facts.files import HostFile
from remediations.facts.http import Probe
from remediations.facts.run_record import RecordedAct, RecordedFile, RunRecord
from remediations.facts.runs import UNDO, Run, Runs
from remediations.facts.units import Unit
from remediations.host.front_doors import FrontDoors
from remediations.plan import Plan, PlannedFile
from remediations.snapshot import Snapshot

UNLIMITED = (1_000_000, 1_000_000)
"""An undo's starts and restarts are counted, but no flap guard holds them back: somebody has asked for just this."""


@dataclass(frozen=True)
class Undo:
    """`run` is the one that is taken back, None where there is none; the rest goes into the transaction's program.

    `like` says, by path on the host, whose mode, owner, ACL and attributes a file gets; `emptied` are folders that the
    run made, the innermost first.
    """

    plan: Plan
    run: Run | None = None
    like: Mapping[str, str] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """How the host's journal names it."""
        return f"{UNDO} {self.run.id}" if self.run else UNDO


def choose(runs: Runs, wanted: str | None, host: str) -> Run | None:
    """The run to take back: the named one, else the last that stands. RefusedError where the named one cannot be."""
    if wanted is None:
        return runs.to_undo
    run = runs.find(wanted)
    if run is None:
        raise RefusedError(
            f"{host}: undo {wanted}: there is no such run on this host; see: invoke history --host {host}"
        )
    if run.state == "needs_human":
        raise RefusedError(
            f"{host}: undo {run.id}: not all of it could be put back; a person must look at its files first"
        )
    if not run.ended and run.state != "await":
        raise RefusedError(f"{host}: undo {run.id}: it has not ended ({run.state}); try: invoke recover --host {host}")
    return run


def plan(record: RunRecord | None, runs: Runs, snapshot: Snapshot) -> Undo:
    """The way back from `record`, which `choose` chose. Raises RefusedError where a file is not what the run wrote."""
    host = snapshot.host
    if record is None:
        return Undo(Plan(host, notes=((UNDO, "no run that stands on this host has written a file"),)))
    run = record.run
    about = (UNDO, f"run {run.id} by {run.who} from {run.origin} ({run.what})")
    nothing = _nothing_to_undo(run, runs)
    if nothing:
        return Undo(Plan(host, notes=(about, (UNDO, nothing))), run)
    todo = [file for file in record.files if file.stands != file.before]
    _refuse(host, record, runs, todo)
    files = tuple(PlannedFile(_back(file), (UNDO,)) for file in reversed(todo))
    acts = tuple(act for act in _acts(record, snapshot) if files or act.action in SWITCHES)
    return Undo(
        Plan(host, files, acts, (about, *_notes(record, todo)), tuple(_warnings(record, todo, acts))),
        run,
        {file.path: file.image.path for file in todo if file.image},
        tuple(reversed(record.made)),
    )


def _nothing_to_undo(run: Run, runs: Runs) -> str | None:
    if run.state not in ("committed", "await"):
        return f"it was {run.state.replace('_', ' ')}: nothing of it stands"
    if run.id in runs.undone_by:
        return f"it was taken back already, by run {runs.undone_by[run.id]}"
    return None if run.reversible else "it changed no file, so there is nothing to put back; what it started runs on"


def _refuse(host: str, record: RunRecord, runs: Runs, todo: list[RecordedFile]) -> None:
    """All that speaks against it, file by file."""
    against = [why for file in todo if (why := _against(host, file, record.run, runs))]
    if against:
        raise RefusedError(f"{host}: undo {record.run.id}: {'; '.join(against)}; nothing was changed")


def _against(host: str, file: RecordedFile, run: Run, runs: Runs) -> str | None:
    if not file.kept:
        return f"the old {file.path} is not in the journal any more, or not as it was kept"
    if file.now and file.now.real_path != file.path:
        return f"{file.path} is a link to {file.now.real_path} now"
    if file.stands == file.after:
        return None
    return f"{file.path} {_since(host, file, run, runs)}"


def _since(host: str, file: RecordedFile, run: Run, runs: Runs) -> str:
    """Who has changed it since, as far as the journal knows."""
    later = runs.wrote(file.path, file.stands)
    what = "is gone" if file.now is None else "was created again" if file.after is None else "was changed"
    if later and later.id != run.id and later.when >= run.when:
        first = f"undo that one first: invoke undo --host {host} --run {later.id}"
        return f"{what} since, by run {later.id} of {later.who} ({later.what}); {first}"
    return f"{what} since, by somebody else than this toolkit: put it right by hand"


def _back(file: RecordedFile) -> FileChange:
    return FileChange(UNDO, file.path, file.now, file.image.data if file.image else None)


# --- the daemons ---


def _acts(record: RunRecord, snapshot: Snapshot) -> tuple[UnitAction, ...]:
    """What has read the new files reads the old ones; the run's acts, in systemd's order."""
    acts = [act for one in record.acts if (act := _act(one, snapshot))]
    return tuple(sorted(acts, key=lambda act: ORDER.index(act.action)))


def _act(act: RecordedAct, snapshot: Snapshot) -> UnitAction | None:
    if act.action == "end":
        return None
    if act.action == "daemon-reload":
        return UnitAction(UNDO, "", "daemon-reload", "it reads the old files again")
    if not act.unit:
        pid = _daemon(act, snapshot)
        return UnitAction(UNDO, "", "reload", "it reads the old files again", pid) if pid else None
    unit = snapshot.unit(act.unit)
    if unit is None or not unit.loaded:
        return None
    if act.action in SWITCHES:
        return _switched_back(act, unit)
    if not unit.running and unit.active_state != "active":
        down = f"it is {unit.active_state}, and ran before"
        return UnitAction(UNDO, unit.name, "start", down, limits=UNLIMITED) if act.was == "active" else None
    if act.action == "restart" or not unit.can_reload:
        return UnitAction(UNDO, unit.name, "restart", "it reads the old files again", limits=UNLIMITED)
    return UnitAction(UNDO, unit.name, "reload", "it reads the old files again")


def _switched_back(act: RecordedAct, unit: Unit) -> UnitAction | None:
    """Whether it begins at a boot again as it did; not where somebody has seen to that already."""
    enabled = unit.unit_file_state == "enabled"
    if enabled != (act.action == "enable"):
        return None
    return UnitAction(UNDO, unit.name, "disable" if enabled else "enable", "so it was before that run")


def _daemon(act: RecordedAct, snapshot: Snapshot) -> int | None:
    """The pid of the daemon that no unit holds: PHP-FPM takes a new one at each reload, its title stays."""
    if isinstance(snapshot.processes, Unknown):
        return None
    same = [process.pid for process in snapshot.processes.values() if process.title == act.title]
    return act.pid if act.pid in same else next(iter(sorted(same)), None)


def still_served(snapshot: Snapshot, probe: Probe) -> bool:
    """Whether a question from before the undo is still one: the site may be what the run had added."""
    tree = snapshot.nginx_tree
    if isinstance(tree, Unknown) or not probe.derived or probe.connect is None:
        return True
    at = probe.connect if probe.connect.startswith("/") else probe.connect.rpartition(":")[2]
    return FrontDoors.of(tree).serves(urlsplit(probe.url).hostname or "", at)


# --- what a person should know ---


def _notes(record: RunRecord, todo: list[RecordedFile]) -> Iterator[tuple[str, str]]:
    for file in record.files:
        if file not in todo:
            yield UNDO, f"{file.path} holds what it held before that run: left alone"


def _warnings(record: RunRecord, todo: list[RecordedFile], acts: tuple[UnitAction, ...]) -> Iterator[str]:
    for file in todo:
        if file.image and file.now and _rights(file.image) != _rights(file.now):
            old, now = _rights(file.image), _rights(file.now)
            yield f"{file.path} is {now} now and becomes {old} again, as it was before that run"
    reached = {act.unit for act in acts}
    for act in record.acts:
        if act.unit and act.unit not in reached and todo:
            yield f"{act.unit} does not run and was not running before that run: it is left as it is"


def _rights(file: HostFile) -> str:
    return f"mode {file.mode} of {file.uid}:{file.gid}"


def forward(record: RunRecord) -> Plan:
    """What the run itself did, as a plan again: for a report of it."""
    by = record.run.remediations or (UNDO,)
    files = (
        PlannedFile(FileChange(by[0], file.path, file.image, file.now.data if file.now else None), by)
        for file in record.files
    )
    acts = (
        UnitAction(by[0], one.unit, act, "", one.pid or None)
        for one in record.acts
        for act in ORDER
        if act == one.action
    )
    return Plan(record.run.id, tuple(files), tuple(acts))
