"""The catalogue of remediations, from their own files: nothing is written twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from remediations import library, parameters
from remediations.errors import UsageError
from remediations.plan import Planner
from remediations.yaml.node import near


def catalogue() -> str:
    """One line a remediation, its parameters below it."""
    return "\n".join("\n".join(_entry(name, cls)) for name, cls in library.known().items()) + "\n"


def explain(name: str) -> str:
    """One remediation in full. Raises UsageError where there is none of that name."""
    known = library.known()
    if name not in known:
        raise UsageError(f"explain {name}: no such remediation{near(name, known)}; there are: {', '.join(known)}")
    body = (_module_doc(known[name])).strip()
    return "\n".join([name, "", body, "", *_parameters(known[name], name)]) + "\n"


def _entry(name: str, cls: type[Planner]) -> Iterator[str]:
    yield f"{name}: {_module_doc(cls).strip().splitlines()[0]}"
    yield from (f"    {row.name} = {row.default}" for row in parameters.describe(cls))


def _parameters(cls: type[Planner], name: str) -> Iterator[str]:
    yield f"Parameters (--set {name}.NAME=VALUE, or in a playbook):"
    for row in parameters.describe(cls):
        yield f"  {row.name}  {row.type}, default {row.default}"
        if row.help:
            yield f"      {row.help}"


def _module_doc(cls: type[Planner]) -> str:
    return sys.modules[cls.__module__].__doc__ or ""
