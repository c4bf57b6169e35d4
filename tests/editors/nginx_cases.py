"""The corpus of nginx files: each case names a directive, an edit of it and the exact bytes that must come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from remediations.editors.nginx import Directive, parse, whole
from remediations.editors.nginx_edit import (
    Splices,
    add_after,
    add_before,
    add_to_block,
    set_arguments,
    set_parameter,
)

CORPUS = Path(__file__).parent / "nginx_corpus"
EDITS = ("set_parameter", "set_arguments", "add_to_block", "add_after", "add_before")


@dataclass(frozen=True)
class Case:
    """`nginx` is what the real one says to the file: `accepts`, `refuses`, or why it cannot say."""

    name: str
    nginx: str
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def before(self) -> bytes:
        return (CORPUS / f"{self.name}.conf").read_bytes()

    @property
    def expected(self) -> bytes:
        return self.before if "unchanged" in self.spec else (CORPUS / f"{self.name}.expected.conf").read_bytes()

    @property
    def is_edit(self) -> bool:
        return "at" in self.spec

    def edit(self, data: bytes) -> Splices:
        return make_edit(data, self.spec["at"], self.spec)


def load_cases() -> tuple[Case, ...]:
    with (CORPUS / "cases.yml").open(encoding="utf-8") as file:
        described = yaml.safe_load(file)
    return tuple(Case(name, spec.get("nginx", "accepts"), spec) for name, spec in described.items())


def make_edit(data: bytes, at: Sequence[str], spec: Mapping[str, Any]) -> Splices:
    """The splices of the one edit that the case describes."""
    block, target = find(data, at)
    (edit,) = set(EDITS) & spec.keys()
    given = spec[edit]
    if edit == "set_parameter":
        return set_parameter(target, *given)
    if edit == "set_arguments":
        return set_arguments(data, target, given)
    if edit == "add_to_block":
        return add_to_block(data, target, given)
    return {"add_after": add_after, "add_before": add_before}[edit](data, target, block, given)


def find(data: bytes, at: Sequence[str]) -> tuple[Directive, Directive]:
    """The first directive whose words begin as each step says, and the block it stands in."""
    block = target = whole(data, parse(data, "corpus"))
    for step in at:
        block, target = target, next(each for each in target.block or () if _text(each).startswith(step))
    return block, target


def _text(directive: Directive) -> str:
    return " ".join(word.text for word in directive.words)
