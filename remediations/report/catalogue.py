"""The catalogue of remediations from their own files, and of causes from their page: nothing is written twice."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from remediations import library, parameters, resources
from remediations.errors import UsageError
from remediations.plan import Planner
from remediations.yaml.node import near


def catalogue() -> str:
    """One line a remediation, its parameters below it."""
    return "\n".join("\n".join(_entry(name, cls)) for name, cls in library.known().items()) + "\n"


def explain(name: str) -> str:
    """One remediation, or one cause, in full. Raises UsageError where there is none of that name."""
    known, found = library.known(), causes()
    if name in found:
        return f"{name}\n\n{found[name]}\n"
    if name not in known:
        raise UsageError(
            f"explain {name}: no such remediation or cause{near(name, [*known, *found])}; "
            f"there are: {', '.join(known)}; and the causes {', '.join(found)}"
        )
    body = (_module_doc(known[name])).strip()
    return "\n".join([name, "", body, "", *_parameters(known[name], name)]) + "\n"


def causes() -> dict[str, str]:
    """What the page says of each cause, without its links and stars."""
    _, *sections = re.split(r"^## ", resources.causes().read_text(encoding="utf-8"), flags=re.MULTILINE)
    pairs = (section.split("\n", 1) for section in sections)
    return {name: _plain(text.strip()) for name, text in pairs}


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", markdown).replace("**", "")


def _entry(name: str, cls: type[Planner]) -> Iterator[str]:
    yield f"{name}: {_module_doc(cls).strip().splitlines()[0]}"
    yield from (f"    {row.name} = {row.default}" for row in parameters.describe(cls))


def _parameters(cls: type[Planner], name: str) -> Iterator[str]:
    rows = parameters.describe(cls)
    yield f"Parameters (--set {name}.NAME=VALUE, or in a playbook):" if rows else "It has no parameters."
    for row in rows:
        yield f"  {row.name}  {row.type}, default {row.default}"
        if row.help:
            yield f"      {row.help}"


def _module_doc(cls: type[Planner]) -> str:
    return sys.modules[cls.__module__].__doc__ or ""
