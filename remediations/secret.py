"""A value that must never be shown: it prints masked wherever it ends up, and is had only by asking for it."""

from __future__ import annotations


class Secret:
    """Not a dataclass on purpose: dataclasses.asdict would take the value out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
