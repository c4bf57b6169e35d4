"""A recorded host with one fact altered, and what is found there."""

from __future__ import annotations

import dataclasses

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.snapshot import Snapshot

FPM = "php8.2-fpm.service"


def found(host: Snapshot) -> list[tuple[str, str]]:
    return [(finding.cause, finding.subject) for finding in diagnosis.diagnose(host)]


def with_unit(host: Snapshot, **changed: object) -> Snapshot:
    return with_named_unit(host, FPM, **changed)


def with_named_unit(host: Snapshot, name: str, **changed: object) -> Snapshot:
    unit: Unit = dataclasses.replace(units(host)[name], **changed)  # type: ignore[arg-type]  # each test knows its fields
    return dataclasses.replace(host, units={**units(host), name: unit})


def units(host: Snapshot) -> dict[str, Unit]:
    assert not isinstance(host.units, Unknown)
    return dict(host.units)
