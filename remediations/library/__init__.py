"""The remediations, one file each, found by name: `restart_service.py` holds `RestartService`, restart-service."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from remediations.plan import Planner


@cache
def known() -> dict[str, type[Planner]]:
    """Every remediation by its id, in library order (that of the file names)."""
    return {name.replace("_", "-"): _load(name) for name in sorted(_names())}


def _names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def _load(name: str) -> type[Planner]:
    module = importlib.import_module(f"{__name__}.{name}")
    found: type[Planner] = getattr(module, "".join(word.capitalize() for word in name.split("_")))
    return found
