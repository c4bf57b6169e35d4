"""A drop-in of ours for one unit: what must change, what then must be in force, and what stands against it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from remediations import systemd_time
from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction, masked
from remediations.editors.systemd_unit import settings
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.plan import Expectation, Proposal
from remediations.snapshot import Snapshot

# What systemctl show calls it, and the keys of unit files that set it: today's first, then those of older systemd.
SET_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Restart": (("Service", "Restart"),),
    "RestartUSec": (("Service", "RestartSec"),),
    "StartLimitIntervalUSec": (
        ("Unit", "StartLimitIntervalSec"), ("Unit", "StartLimitInterval"), ("Service", "StartLimitInterval"),
    ),
    "OOMPolicy": (("Service", "OOMPolicy"),),
    "StartLimitBurst": (("Unit", "StartLimitBurst"), ("Service", "StartLimitBurst")),
}  # fmt: skip


@dataclass(frozen=True)
class DropIn:
    """Our file for one unit: what must change, and what stands against it."""

    remediation: str
    file: str
    effective: Mapping[str, str]
    """What `systemctl show` prints where it is in force."""
    content: bytes
    snapshot: Snapshot
    unit: Unit

    @property
    def path(self) -> str:
        return f"/etc/systemd/system/{self.unit.name}.d/{self.file}"

    def refusal(self) -> str | None:
        """Why this unit gets no drop-in."""
        unit = self.unit
        if refusal := masked(unit):
            return refusal
        if not unit.loaded:
            return f"{unit.name} is not loaded (LoadState={unit.load_state})"
        if unit.type == "oneshot":
            return f"{unit.name} is of Type=oneshot: it ends by design, and systemd refuses Restart=always there"
        if unit.unit_file_state == "transient":
            return f"{unit.name} is transient: it is gone once it has ended, a drop-in would serve nobody"
        if self.path in unit.drop_ins and self.path not in self.snapshot.files and self._differing():
            return f"{unit.name}: {self.path} is there, but its content could not be read"
        return None

    @property
    def change(self) -> FileChange | None:
        """Nothing where the file says so already, or where the same is in force without it."""
        before = self.snapshot.files.get(self.path)
        after = self.content
        if (before is None and self._in_force()) or (before is not None and before.data == after):
            return None
        return FileChange(self.remediation, before.real_path if before else self.path, before, after)

    @property
    def pending(self) -> bool:
        """Whether systemd has to read our file, now or still."""
        stands = self.path in self.snapshot.files
        return self.change is not None or (stands and not self._is_read())

    def _is_read(self) -> bool:
        return self.path in self.unit.drop_ins and not self.unit.needs_daemon_reload

    def _in_force(self) -> bool:
        return not self.unit.needs_daemon_reload and not self._differing()

    def _differing(self) -> tuple[str, ...]:
        now = _effective(self.unit)
        return tuple(name for name, value in self.effective.items() if now[name] != value)

    def expectations(self) -> Iterator[Expectation]:
        """What a later drop-in sets is its author's business."""
        theirs = self._overridden()
        unread = self._unread()
        for name, value in self.effective.items():
            if name not in theirs and not unread:
                yield Expectation(self.unit.name, name, value)

    def note(self) -> str | None:
        if self.change is None:
            return None
        now, theirs = _effective(self.unit), self._overridden()
        changed = (name for name in self._differing() if name not in theirs)
        steps = (f"{name} {now[name] or '?'} -> {self.effective[name]}" for name in changed)
        return f"{self.unit.name}: {', '.join(steps) or 'the same values as now'}"

    def warnings(self) -> Iterator[str]:
        theirs = self._overridden()
        for path in dict.fromkeys(path for path, _ in theirs.values()):
            words = ", ".join(f"{SET_BY[name][0][1]}={value}" for name, (at, value) in theirs.items() if at == path)
            yield f"{self.unit.name}: {path} sets {words} and is read after {self.file}: it wins and is left alone"
        for path in self._unread():
            name = self.unit.name
            yield f"{name}: {path} is read after {self.file} and may override it: its content is not known here"
        if not self.pending and self.path in self.unit.drop_ins:
            for name in self._differing():
                if name not in theirs and not self._unread():
                    yield (
                        f"{self.unit.name}: {name} is {_effective(self.unit)[name]} although {self.path} is read; "
                        f"see systemctl cat {self.unit.name}"
                    )

    def _overridden(self) -> Mapping[str, tuple[str, str]]:
        """Per property the later drop-in that sets it to something else, and to what."""
        found: dict[str, tuple[str, str]] = {}
        for path in self._later():
            file = self.snapshot.files.get(path)
            said = settings(file.data) if file else {}
            for name, keys in ((name, SET_BY[name]) for name in self.effective):
                for value in (said[key] for key in keys if said.get(key)):
                    found[name] = (path, value)
        return {name: (at, value) for name, (at, value) in found.items() if not self._same(name, value)}

    def _same(self, name: str, value: str) -> bool:
        total = systemd_time.seconds(value) if name.endswith("USec") else None
        return self.effective[name] == (value if total is None else systemd_time.shown(total))

    def _unread(self) -> tuple[str, ...]:
        return tuple(path for path in self._later() if path not in self.snapshot.files)

    def _later(self) -> tuple[str, ...]:
        """This unit's drop-ins that systemd reads after ours: it sorts by file name, whatever the folder."""
        own = posixpath.dirname(self.path)
        here = [path for path in self.snapshot.files if posixpath.dirname(path) == own and path.endswith(".conf")]
        every = dict.fromkeys((*self.unit.drop_ins, *here))
        later = [path for path in every if posixpath.basename(path) > self.file]
        return tuple(sorted(later, key=posixpath.basename))


def _effective(unit: Unit) -> Mapping[str, str]:
    return {
        "Restart": unit.restart,
        "RestartUSec": unit.restart_sec,
        "StartLimitIntervalUSec": unit.start_limit_interval,
        "StartLimitBurst": unit.start_limit_burst,
        "OOMPolicy": unit.oom_policy,
    }


def also_read(snapshot: Snapshot, wanted: Sequence[DropIn]) -> Iterator[str]:
    """daemon-reload reads every unit's files, those of others too."""
    if not any(each.pending for each in wanted) or isinstance(snapshot.units, Unknown):
        return
    ours = {each.unit.name for each in wanted}
    others = [unit.name for unit in snapshot.units.values() if unit.needs_daemon_reload and unit.name not in ours]
    if others:
        yield f"daemon-reload also takes in changes that others made to {', '.join(sorted(others))}"


def proposal(snapshot: Snapshot, every: Sequence[DropIn], refusals: Sequence[str], doubts: Sequence[str]) -> Proposal:
    """All of them in one: the files, one daemon-reload, and what systemd must say then."""
    wanted = [each for each in every if not each.refusal()]
    pending = [each for each in wanted if each.pending]
    names = ", ".join(each.unit.name for each in pending)
    reason = f"systemd has not read the drop-ins of {names}"
    reread = [UnitAction(each.remediation, "", "daemon-reload", reason) for each in pending[:1]]
    return Proposal(
        files=tuple(each.change for each in wanted if each.change),
        actions=tuple(reread),
        notes=tuple(note for each in wanted if (note := each.note())),
        warnings=(*doubts, *(text for each in wanted for text in each.warnings()), *also_read(snapshot, wanted)),
        refusals=(*refusals, *(text for each in every if (text := each.refusal()))),
        expectations=tuple(one for each in pending for one in each.expectations()),
    )
