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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from remediations import systemd_time
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.findings import Finding
from remediations.host import topology
from remediations.library._drop_in import DropIn, proposal
from remediations.library.restart_service import resolve
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from remediations.templating import render

ID = "restart-always"
FILE = "50-remediate-restart.conf"


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
        every = [DropIn(ID, FILE, self.effective, self.content(), snapshot, unit) for unit in units]
        return proposal(snapshot, every, tuple(self._unknown(snapshot)), doubts)

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
