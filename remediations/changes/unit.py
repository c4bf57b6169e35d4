"""An act on a unit: start, restart, reload, or the manager's own daemon-reload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remediations import flap_guard

Act = Literal["daemon-reload", "start", "restart", "reload"]

ORDER: tuple[Act, ...] = ("daemon-reload", "start", "restart", "reload")
_WEIGHT: dict[Act, int] = {"daemon-reload": 0, "reload": 1, "start": 2, "restart": 3}


@dataclass(frozen=True)
class UnitAction:
    """`unit` is "" for daemon-reload. `pid` is the daemon to signal where there is no systemd (nginx, php-fpm).

    `limits`: how often the toolkit may have started or restarted the unit in 15 minutes, and in an hour, so that it
    does so once more; counted on the host, whoever asked for it.
    """

    remediation: str
    unit: str
    action: Act
    reason: str
    pid: int | None = None
    limits: tuple[int, int] = flap_guard.DEFAULT.limits

    @property
    def target(self) -> str:
        """What is acted on: the unit, without one the daemon, else systemd itself."""
        return self.unit or (f"pid {self.pid}" if self.pid else "systemd")

    def outweighs(self, other: UnitAction) -> bool:
        """A restart makes a reload of the same unit needless; so does a start."""
        return _WEIGHT[self.action] >= _WEIGHT[other.action]
