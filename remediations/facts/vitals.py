"""Vital signs of a few units: whether they run, under which main process, how often restarted or short of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.facts.units import Unit
from remediations.quoting import quote

_PROPERTIES = "Id,ActiveState,SubState,MainPID,NRestarts"


@dataclass(frozen=True)
class Vital:
    """`oom_kills` counts what the kernel has killed in the unit's cgroup for want of memory; None: it does not say."""

    unit: str
    state: str
    main_pid: int
    restarts: int
    oom_kills: int | None = None


Vitals = Mapping[str, Vital]


def fact(units: Sequence[Unit]) -> Fact[Vitals]:
    """Two system calls a unit: cheap enough to be asked every few seconds."""
    names = " ".join(quote(unit.name) for unit in units)
    groups = "".join(f"oom {quote(unit.name)} {quote(unit.control_group)}\n" for unit in units if unit.control_group)
    script = f"show={quote(_PROPERTIES)}\nset -- {names}\n{fragment('vitals')}\n{groups}" if units else ":"
    return Fact("vitals", script, parse)


def parse(stdout: bytes) -> Vitals | Unknown:
    """Blocks of `Key=value` lines, one a unit, and lines `oom UNIT COUNT`."""
    found: dict[str, Vital] = {}
    block: dict[str, str] = {}
    kills: dict[str, int] = {}
    for line in [*lines_of(stdout), ""]:
        key, equals, value = line.partition("=")
        if line.startswith("oom "):
            _, unit, count = line.split(" ")
            kills[unit] = int(count)
        elif equals:
            block[key] = value
        elif block:
            state = f"{block['ActiveState']}/{block['SubState']}"
            found[block["Id"]] = Vital(block["Id"], state, int(block["MainPID"]), int(block.get("NRestarts") or 0))
            block = {}
    return {name: Vital(name, one.state, one.main_pid, one.restarts, kills.get(name)) for name, one in found.items()}
