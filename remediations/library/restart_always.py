"""Lets systemd start a web service again when it dies: a drop-in with Restart=, RestartSec= and limits that limit.

Reach for it where a killed nginx, PHP-FPM or app server stayed down until somebody came. Each unit gets a file of its
own, /etc/systemd/system/UNIT.d/50-remediate-restart.conf, template instances too. Without `units` these are nginx,
every PHP-FPM with a pool that nginx passes to, and the units behind the upstreams. systemd reads the files anew; what
it then says is in force is compared with what was meant.

It never restarts or starts anything, never edits a unit file or a drop-in of somebody else, and gives up like systemd
does: `start_limit_burst` starts within `start_limit_interval` are the end, so a service that cannot run does not start
for ever. A later drop-in of yours that sets the same wins and is reported. It refuses units of Type=oneshot, masked
ones, those that are not loaded, and hosts without systemd.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from remediations import systemd_time, topology
from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.editors.nginx_address import Address
from remediations.editors.systemd_unit import settings
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.library.restart_service import resolve
from remediations.plan import Expectation, Proposal
from remediations.snapshot import Snapshot
from remediations.templating import render

ID = "restart-always"
FILE = "50-remediate-restart.conf"

# What systemctl show calls it, and the keys of unit files that set it: today's first, then those of older systemd.
_SET_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Restart": (("Service", "Restart"),),
    "RestartUSec": (("Service", "RestartSec"),),
    "StartLimitIntervalUSec": (
        ("Unit", "StartLimitIntervalSec"), ("Unit", "StartLimitInterval"), ("Service", "StartLimitInterval"),
    ),
    "StartLimitBurst": (("Unit", "StartLimitBurst"), ("Service", "StartLimitBurst")),
}  # fmt: skip


@dataclass(frozen=True)
class RestartAlways:
    """`units` empty: nginx, every PHP-FPM that nginx passes to and the units behind its upstreams."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    units: tuple[str, ...] = field(
        default=(), metadata={"help": "unit names, or nginx and php-fpm for what the host really has"}
    )
    restart: Literal["always", "on-failure", "on-abnormal"] = field(
        default="always", metadata={"help": "on-failure leaves a service down that ended cleanly or by TERM"}
    )
    restart_sec: str = field(
        default="5s", metadata={"help": "the pause before a new start, in whole seconds or as 1min"}
    )
    start_limit_interval: str = field(
        default="300",
        metadata={"help": "start_limit_burst starts within this time are the end; more than both multiplied"},
    )
    start_limit_burst: int = field(default=5, metadata={"help": "see start_limit_interval", "min": 1, "max": 10_000})

    def __post_init__(self) -> None:
        for name in ("restart_sec", "start_limit_interval"):
            if not systemd_time.seconds(getattr(self, name)):
                raise ValueError(f"{name}: {getattr(self, name)!r} is no time of whole seconds, such as 5s or 1min 30s")
        if self._interval <= self._pause * self.start_limit_burst:
            raise ValueError(
                f"start_limit_interval: {self._interval} s never limits: {self.start_limit_burst} starts "
                f"{self._pause} s apart take {self._pause * self.start_limit_burst} s; it must be more"
            )

    @property
    def _pause(self) -> int:
        return systemd_time.seconds(self.restart_sec) or 0

    @property
    def _interval(self) -> int:
        return systemd_time.seconds(self.start_limit_interval) or 0

    @property
    def effective(self) -> Mapping[str, str]:
        """What `systemctl show` prints where this drop-in is in force."""
        return {
            "Restart": self.restart,
            "RestartUSec": systemd_time.shown(self._pause),
            "StartLimitIntervalUSec": systemd_time.shown(self._interval),
            "StartLimitBurst": str(self.start_limit_burst),
        }

    def content(self) -> bytes:
        """The drop-in."""
        return render(
            "restart.conf.j2",
            restart=self.restart,
            restart_sec=f"{self._pause}s",
            start_limit_interval=self._interval,
            start_limit_burst=self.start_limit_burst,
        )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        del findings  # what the units say decides
        if isinstance(snapshot.units, Unknown):
            return Proposal(refusals=(f"Restart= needs systemd, and its units are not known: {snapshot.units.reason}",))
        units, doubts = self._choose(snapshot)
        every = [_DropIn(self, snapshot, unit) for unit in units]
        refusals = [*self._unknown(snapshot), *(text for each in every if (text := each.refusal()))]
        wanted = [each for each in every if not each.refusal()]
        files = tuple(each.change for each in wanted if each.change)
        return Proposal(
            files=files,
            actions=self._reread(wanted),
            notes=tuple(note for each in wanted if (note := each.note())),
            warnings=(*doubts, *(text for each in wanted for text in each.warnings()), *_also_read(snapshot, wanted)),
            refusals=tuple(refusals),
            expectations=tuple(one for each in wanted if each.pending for one in each.expectations()),
        )

    def _choose(self, snapshot: Snapshot) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
        """The units, each once, and what was left out with the reason."""
        if self.units:
            named = (unit for name in self.units for unit in resolve(snapshot, name))
            return tuple({unit.name: unit for unit in named}.values()), ()
        nginx = topology.nginx_unit(snapshot)
        found: dict[str, Unit] = {nginx.name: nginx} if nginx else {}
        doubts = [] if nginx or not snapshot.live_nginx else ["nginx has no unit here: nothing is written for it"]
        for address in topology.backend_addresses(snapshot):
            units = _behind(snapshot, address)
            found |= {unit.name: unit for unit in units} if not isinstance(units, str) else {}
            doubts += [units] if isinstance(units, str) else []
        return tuple(found.values()), tuple(doubts)

    def _unknown(self, snapshot: Snapshot) -> Iterator[str]:
        for name in self.units:
            if not resolve(snapshot, name):
                yield f"{name}: no such service is loaded or enabled here"

    def _reread(self, wanted: Sequence[_DropIn]) -> tuple[UnitAction, ...]:
        pending = [each.unit.name for each in wanted if each.pending]
        if not pending:
            return ()
        return (UnitAction(ID, "", "daemon-reload", f"systemd has not read the drop-ins of {', '.join(pending)}"),)


@dataclass(frozen=True)
class _DropIn:
    """Our file for one unit: what must change, and what stands against it."""

    wanted: RestartAlways
    snapshot: Snapshot
    unit: Unit

    @property
    def path(self) -> str:
        return f"/etc/systemd/system/{self.unit.name}.d/{FILE}"

    def refusal(self) -> str | None:
        """Why this unit gets no drop-in."""
        unit = self.unit
        if unit.load_state == "masked" or unit.unit_file_state.startswith("masked"):
            return f"{unit.name} is masked: somebody wants it down; to allow it again: systemctl unmask {unit.name}"
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
        after = self.wanted.content()
        if (before is None and self._in_force()) or (before is not None and before.data == after):
            return None
        return FileChange(ID, before.real_path if before else self.path, before, after)

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
        return tuple(name for name, value in self.wanted.effective.items() if now[name] != value)

    def expectations(self) -> Iterator[Expectation]:
        """What a later drop-in sets is its author's business."""
        theirs = self._overridden()
        unread = self._unread()
        for name, value in self.wanted.effective.items():
            if name not in theirs and not unread:
                yield Expectation(self.unit.name, name, value)

    def note(self) -> str | None:
        if self.change is None:
            return None
        now, theirs = _effective(self.unit), self._overridden()
        changed = (name for name in self._differing() if name not in theirs)
        steps = (f"{name} {now[name] or '?'} -> {self.wanted.effective[name]}" for name in changed)
        return f"{self.unit.name}: {', '.join(steps) or 'the same values as now'}"

    def warnings(self) -> Iterator[str]:
        theirs = self._overridden()
        for path in dict.fromkeys(path for path, _ in theirs.values()):
            words = ", ".join(f"{_SET_BY[name][0][1]}={value}" for name, (at, value) in theirs.items() if at == path)
            yield f"{self.unit.name}: {path} sets {words} and is read after {FILE}: it wins and is left alone"
        for path in self._unread():
            yield f"{self.unit.name}: {path} is read after {FILE} and may override it: its content is not known here"
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
            for name, keys in _SET_BY.items():
                for value in (said[key] for key in keys if said.get(key)):
                    found[name] = (path, value)
        return {name: (at, value) for name, (at, value) in found.items() if not self._same(name, value)}

    def _same(self, name: str, value: str) -> bool:
        total = systemd_time.seconds(value) if name.endswith("USec") else None
        return self.wanted.effective[name] == (value if total is None else systemd_time.shown(total))

    def _unread(self) -> tuple[str, ...]:
        return tuple(path for path in self._later() if path not in self.snapshot.files)

    def _later(self) -> tuple[str, ...]:
        """This unit's drop-ins that systemd reads after ours: it sorts by file name, whatever the folder."""
        own = posixpath.dirname(self.path)
        here = [path for path in self.snapshot.files if posixpath.dirname(path) == own and path.endswith(".conf")]
        every = dict.fromkeys((*self.unit.drop_ins, *here))
        later = [path for path in every if posixpath.basename(path) > FILE]
        return tuple(sorted(later, key=posixpath.basename))


def _effective(unit: Unit) -> Mapping[str, str]:
    return {
        "Restart": unit.restart,
        "RestartUSec": unit.restart_sec,
        "StartLimitIntervalUSec": unit.start_limit_interval,
        "StartLimitBurst": unit.start_limit_burst,
    }


def _behind(snapshot: Snapshot, address: Address) -> tuple[Unit, ...] | str:
    """The units that answer, or should answer, at this address; or why none is chosen."""
    found = topology.behind(snapshot, address)
    pool = topology.fpm_of(snapshot, address)
    names = dict.fromkeys((*found.units, *([pool.fpm.unit] if pool and pool.fpm.unit else ())))
    units = tuple(unit for name in names if (unit := snapshot.unit(name)))
    if names and not units:
        return f"{address} belongs to {', '.join(names)}, which is not loaded: nothing is written for it"
    if not units:
        held = "is held by a process of no service" if found.socket else "has no listener, and no unit names it"
        return f"{address} {held}: nothing is written for it"
    if found.socket or pool:
        return units
    if len(units) > 1:
        return f"{address} has no listener, and several units name it ({', '.join(names)}): name yours in units"
    if units[0].unit_file_state == "disabled":
        return f"{address} has no listener, and {units[0].name} that names it is disabled: name it in units if meant"
    return units


def _also_read(snapshot: Snapshot, wanted: Sequence[_DropIn]) -> Iterator[str]:
    """daemon-reload reads every unit's files, those of others too."""
    if not any(each.pending for each in wanted) or isinstance(snapshot.units, Unknown):
        return
    ours = {each.unit.name for each in wanted}
    others = [unit.name for unit in snapshot.units.values() if unit.needs_daemon_reload and unit.name not in ours]
    if others:
        yield f"daemon-reload also takes in changes that others made to {', '.join(sorted(others))}"
