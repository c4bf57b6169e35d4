"""Dataclasses survive JSON by their hints alone, and what does not fit is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

import pytest

from remediations.bundle import typed
from remediations.bundle.typed import DamagedError
from remediations.facts.base import Unknown


@dataclass(frozen=True)
class Leaf:
    path: str
    data: bytes = b""


@dataclass(frozen=True)
class Other:
    number: int | Unknown | None


@dataclass(frozen=True)
class Tree:
    kind: Literal["oak", "elm"]
    leaves: Mapping[str, Leaf] | Unknown | None
    rings: Mapping[int, float]
    either: Leaf | Other
    pair: tuple[int, str]
    many: tuple[Other, ...] = ()
    words: frozenset[str] = frozenset()
    hosts: frozenset[IPv4Address | IPv6Address] = frozenset()
    asked: Mapping[Leaf, bool] = field(default_factory=dict)
    late: Leaf | Unknown = field(default_factory=lambda: Leaf("/default"))


TREE = Tree(
    "oak",
    {"$odd": Leaf("/a", b"\xff"), "": Leaf("/b")},
    {1: 0.1, -2: 1e300},
    Other(None),
    (1, "é"),
    (Other(3), Other(Unknown("why"))),
    frozenset({"b", "a"}),
    frozenset({ip_address("192.0.2.1"), ip_address("::1")}),
    {Leaf("/x"): True},
)


def written(value: object) -> tuple[Any, dict[str, bytes]]:
    kept: dict[str, bytes] = {}

    def keep(owner: object, data: bytes) -> str:
        assert isinstance(owner, Leaf)
        kept[owner.path] = data
        return owner.path

    return json.loads(json.dumps(typed.encode(value, keep))), kept


def read(data: Any, kept: Mapping[str, bytes]) -> Any:
    return typed.decode(Tree, data, kept, "tree")


def test_what_was_written_is_read_again() -> None:
    assert read(*written(TREE)) == TREE


def test_a_field_that_was_not_written_is_unknown_where_that_is_an_answer() -> None:
    data, kept = written(TREE)
    for name in ("late", "many", "leaves"):
        del data[name]
    tree = read(data, kept)
    assert (tree.late, tree.leaves, tree.many) == (Unknown(typed.LACKING), Unknown(typed.LACKING), ())


def test_a_fact_that_lacks_what_it_must_have_is_unknown_as_a_whole() -> None:
    data, kept = written(TREE)
    del data["late"]["path"]
    assert read(data, kept).late == Unknown(typed.LACKING)
    del data["either"]["number"]
    assert read(data, kept).either == Other(Unknown(typed.LACKING))


def test_a_field_that_must_be_there_is_missed_by_name() -> None:
    data, kept = written(TREE)
    del data["pair"]
    with pytest.raises(DamagedError, match=r"tree\.pair: is missing"):
        read(data, kept)


def test_a_field_of_a_newer_version_is_left_out() -> None:
    data, kept = written(TREE)
    assert read(data | {"newer": 1}, kept) == TREE


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kind", "ash", "tree.kind: expected"),
        ("kind", [], "tree.kind: expected"),
        ("rings", {"one": 1.0}, "tree.rings[one]: expected a number for a key"),
        ("rings", {"1": True}, "tree.rings[1]: expected float"),
        ("rings", {"1": 10**400}, "tree.rings[1]: is too large"),
        ("either", {"$": "Tree"}, "tree.either: expected Leaf or Other"),
        ("either", {"$": ["Leaf"]}, "tree.either: expected Leaf or Other"),
        ("pair", [1], "tree.pair: expected 2 values"),
        ("pair", ["1", "2"], "tree.pair: expected int"),
        ("many", [{"$": "Other", "number": True}], "tree.many[0].number: expected int or Unknown or null"),
        ("hosts", [{"$": "IPv4Address", "text": "1.2.3"}], "tree.hosts: Expected 4 octets"),
        ("hosts", [{"$": "IPv6Address"}], "tree.hosts: "),
        ("asked", {"$pairs": [[1, True]]}, "tree.asked[0]: expected Leaf"),
        ("asked", {"$pairs": 1}, "tree.asked: expected"),
        ("leaves", {"x": {"$": "Leaf", "path": "/x", "data": {"$bytes": 3}}}, "tree.leaves[x].data: 3 is not there"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(name: str, value: object, said: str) -> None:
    data, kept = written(TREE)
    with pytest.raises(DamagedError) as caught:
        read(data | {name: value}, kept)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [{1, 2}, [1], {"x": object()}, {object(): 2}, b"bare"])
def test_a_type_that_nobody_has_thought_of_is_refused_loudly(value: object) -> None:
    with pytest.raises(TypeError):
        written(value)


@dataclass(frozen=True)
class Odd:
    value: set[int]


def test_a_hint_that_nobody_has_thought_of_is_refused_loudly() -> None:
    with pytest.raises(TypeError, match="not known how to read it"):
        typed.decode(Odd, {"$": "Odd", "value": []}, {}, "odd")
