"""All types that a snapshot may hold, found by its hints."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from remediations.bundle import typed


def kinds(hint: Any, owner: tuple[type, str], seen: set[type]) -> Iterator[tuple[Any, tuple[type, str]]]:
    """Every type that a value of this hint may hold, and in which field of what."""
    inner = [each for each in get_args(hint) if each is not ...]
    if get_origin(hint) is Literal:
        return
    for each in inner:
        yield from kinds(each, owner, seen)
    if not inner:
        yield hint, owner
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and hint not in seen:
        seen.add(hint)
        for name, of in typed.hints(hint).items():
            yield from kinds(of, (hint, name), seen)
