"""What a host can differ in: each feature is one change to its file system before it boots, and they combine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.lab.base import Kind
from tests.lab.errors import LabError
from tests.lab.record import Record


@dataclass(frozen=True)
class Feature:
    """A named difference; `excludes` names the features that contradict it."""

    name: str
    summary: str
    install: Callable[[Record], None]
    user: str = "root"
    base: Kind = "plain"
    excludes: frozenset[str] = frozenset()


def _nothing(record: Record) -> None:
    """For features that only choose another base tree."""


FEATURES = {feature.name: feature for feature in (Feature("python", "has python3", _nothing, base="python"),)}


def choose(names: Sequence[str]) -> tuple[Feature, ...]:
    """The features in the order of FEATURES; LabError for an unknown name or a contradiction."""
    unknown = sorted(set(names) - set(FEATURES))
    if unknown:
        raise LabError(f"no such variant: {', '.join(unknown)}; there are: {', '.join(FEATURES)}")
    chosen = tuple(feature for name, feature in FEATURES.items() if name in names)
    for feature in chosen:
        if clash := sorted(feature.excludes & set(names)):
            raise LabError(f"variant {feature.name} cannot be combined with {', '.join(clash)}")
    return chosen


def base_kind(chosen: Sequence[Feature]) -> Kind:
    return "python" if any(feature.base == "python" for feature in chosen) else "plain"


def login_user(chosen: Sequence[Feature]) -> str:
    return next((feature.user for feature in chosen if feature.user != "root"), "root")
