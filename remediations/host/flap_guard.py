"""The flap guard: a unit that the toolkit has started too often lately is left to a person."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.facts.machine import Machine
from remediations.facts.restarts import Restart
from remediations.host import freshness
from remediations.snapshot import Snapshot

QUARTER = 15 * 60
HOUR = 60 * 60

COUNTED = ("start", "restart")
"""The acts that count; a reload leaves the daemon running."""

MOST_SHOWN = 10


@dataclass(frozen=True)
class FlapGuard:
    """How often a unit may be started or restarted, by whomever on that host; the host's own clock decides.

    The host counts again by the same rule before it acts (`guard` in remote/units.sh): there the word is final.
    """

    most_in_15_minutes: int = 3
    most_in_an_hour: int = 5

    @property
    def limits(self) -> tuple[int, int]:
        return self.most_in_15_minutes, self.most_in_an_hour

    def refusal(self, snapshot: Snapshot, unit: str) -> str | None:
        """Why this unit is not started or restarted once more, with its history; None where it may be."""
        if not self.stops(snapshot, unit):
            return None
        return (
            f"{unit} is not started or restarted again: it was {often(snapshot, unit)} (allowed: "
            f"{self.most_in_15_minutes} and {self.most_in_an_hour}): {_history(snapshot, unit)}; "
            f"a person must look at why it does not stay up: journalctl -u {unit} -e"
        )

    def stops(self, snapshot: Snapshot, unit: str) -> bool:
        """Whether the next start or restart would be one too many; not where nobody can tell how many there were."""
        quarter, hour = _counts(snapshot, unit)
        return quarter >= self.most_in_15_minutes or hour >= self.most_in_an_hour


DEFAULT = FlapGuard()


def often(snapshot: Snapshot, unit: str) -> str:
    """How often that unit was started or restarted lately, in words."""
    quarter, hour = _counts(snapshot, unit)
    return f"started or restarted {_times(quarter)} in the last 15 minutes and {_times(hour)} in the last hour"


def recent(snapshot: Snapshot, unit: str) -> tuple[Restart, ...]:
    """The unit's starts and restarts of the last hour; what a clock that was set back left in the future is of now."""
    if isinstance(snapshot.restarts, Unknown):
        return ()
    return tuple(one for one in snapshot.restarts if one.unit == unit and _age(snapshot.machine, one) < HOUR)


def _counts(snapshot: Snapshot, unit: str) -> tuple[int, int]:
    ages = [_age(snapshot.machine, one) for one in recent(snapshot, unit)]
    return sum(age < QUARTER for age in ages), len(ages)


def _age(machine: Machine, restart: Restart) -> int:
    return max(0, int(machine.now) - restart.time)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _history(snapshot: Snapshot, unit: str) -> str:
    """When, what, by whom, in which run: the newest ones, the oldest of them first."""
    told = recent(snapshot, unit)
    left_out = f"{len(told) - MOST_SHOWN} more, " if len(told) > MOST_SHOWN else ""
    return left_out + ", ".join(_told(snapshot.machine, one) for one in told[-MOST_SHOWN:])


def _told(machine: Machine, restart: Restart) -> str:
    time = freshness.clock(machine, min(restart.time, int(machine.now)))
    return f"{time} {restart.action} by {restart.who} (run {restart.run})"
