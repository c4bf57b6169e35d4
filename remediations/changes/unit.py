"""An act on a unit: start, restart, reload, enable, disable; the manager's own daemon-reload; the end of a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remediations.facts.units import Unit
from remediations.host import flap_guard

Act = Literal["daemon-reload", "end", "start", "restart", "reload", "enable", "disable"]

ORDER: tuple[Act, ...] = ("daemon-reload", "end", "start", "restart", "reload", "enable", "disable")
SWITCHES: tuple[Act, ...] = ("enable", "disable")
"""What a unit does at the next boot: beside what it does now, and taken back as files are."""
_WEIGHT: dict[Act, int] = {"daemon-reload": 0, "reload": 1, "start": 2, "restart": 3}


@dataclass(frozen=True)
class UnitAction:
    """`unit` is "" for daemon-reload. `pid` is the daemon to signal where there is no systemd (nginx, php-fpm).

    To end a process, `identity` says which one `pid` is: TICKS UID PROGRAM, compared on the host before each signal.

    `limits`: how often the toolkit may have started or restarted the unit in 15 minutes, and in an hour, so that it
    does so once more; counted on the host, whoever asked for it.
    """

    remediation: str
    unit: str
    action: Act
    reason: str
    pid: int | None = None
    limits: tuple[int, int] = flap_guard.DEFAULT.limits
    identity: str = ""

    @property
    def target(self) -> str:
        """What is acted on: the unit, without one the daemon, else systemd itself."""
        return self.unit or (f"pid {self.pid}" if self.pid else "systemd")

    def outweighs(self, other: UnitAction) -> bool:
        """A restart makes a reload of the same unit needless; so does a start."""
        return _WEIGHT.get(self.action, 0) >= _WEIGHT.get(other.action, 0)


def masked(unit: Unit) -> str | None:
    """Why nothing is done to this unit, whatever is wrong with it."""
    if not unit.masked:
        return None
    return f"{unit.name} is masked: somebody wants it down; to allow it again: systemctl unmask {unit.name}"
