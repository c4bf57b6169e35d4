"""A scenario: what breaks a host, what is wrong there in truth, and what is right to do about it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from remediations.snapshot import Snapshot
from tests.lab.host import LabHost
from tests.scenarios import rows

Named = tuple[str, str]
"""A cause and its subject."""
Act = tuple[str, str]
"""What is done and to what: ("start", "php8.2-fpm.service"), ("edit", "/etc/nginx/sites-available/shop")."""
Kind = Literal["cured", "partly", "refused", "healthy", "recorded"]

SITES = MappingProxyType({"shop.example": "ok from php", "api.example": "ok from app"})


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    `breaks` is what happened to the host; it returns once the host is as it is meant to be found. `first` is what is
    named first, None for a healthy host; `also` is all else that is named, in this order. `cured` is all that is done,
    in order; `again` what the second run tries once more, since an app that died at its start may live the next time,
    until the flap guard stops it. `refused` are words of the report on what is left to a person: with both, a person
    has the rest to do.
    `sites` are all sites of the host, each with a text of its good page. `options` are further words for remediate.
    `recorded` stands instead of `breaks` where no lab host can be broken so: then only the diagnosis is tested.
    """

    name: str
    breaks: Callable[[LabHost], None] | None = None
    first: Named | None = None
    also: tuple[Named, ...] = ()
    cured: tuple[Act, ...] = ()
    refused: tuple[str, ...] = ()
    again: tuple[Act, ...] = ()
    variant: str = ""
    sites: Mapping[str, str] = field(default_factory=lambda: SITES)
    options: tuple[str, ...] = ()
    sure: bool = True
    recorded: Callable[[], Snapshot] | None = None

    def __post_init__(self) -> None:
        if (self.breaks is None) is (self.recorded is None):
            raise ValueError(f"{self.name}: it is either made on a host or recorded")
        if self.first is None and (self.also or self.cured or self.refused):
            raise ValueError(f"{self.name}: nothing is to be done where nothing is wrong")

    @property
    def named(self) -> list[Named]:
        return [self.first, *self.also] if self.first else []

    @property
    def kind(self) -> Kind:
        if self.recorded:
            return "recorded"
        if self.first is None:
            return "healthy"
        if self.cured:
            return "partly" if self.refused else "cured"
        return "refused"


def every() -> Iterator[Scenario]:
    """The ROWS of every file in rows/."""
    for module in sorted(module.name for module in pkgutil.iter_modules(rows.__path__)):
        yield from importlib.import_module(f"{rows.__name__}.{module}").ROWS
