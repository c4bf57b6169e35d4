"""A script as the toolkit sends it, taken apart by the host that should run it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from remediations.facts.base import Answer

Kind = Literal["facts", "proof", "begin", "confirm", "abort", "report", "other"]

_BEGIN = re.compile(r"printf '%s%s\\n' (\w+) (\w+); printf .* >&2\n")
_END = re.compile(r"printf '%s%s %d\\n' (\w+) (\w+) \"\$\?\"; printf .* >&2\n")
_BOUNDARY = re.compile(r"answered\(\) \{ printf '\\n(\w+) ")
_FACT = re.compile(r"(?:; |\n)answered ([\w-]+) \$\?")
_PROOF = re.compile(r"printf '\\n(\w+) %d\\n' \$\?")
_VERB = re.compile(r"sh \S+/program\.sh (confirm|abort|report) ")


@dataclass(frozen=True)
class Script:
    """`begin` and `end` are the markers that the answer must stand between, as the host's printf would join them."""

    text: str
    begin: bytes
    end: bytes

    @property
    def kind(self) -> Kind:
        if _BOUNDARY.search(self.text):
            return "facts"
        if "lay_down" in self.text:
            return "begin"
        if verb := _VERB.search(self.text):
            return verb[1]  # type: ignore[return-value]  # the pattern holds just these words
        return "proof" if _PROOF.search(self.text) else "other"

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts asked for, in the order of the script; those beside come first."""
        return tuple(_FACT.findall(self.text))

    @property
    def boundary(self) -> bytes:
        found = _BOUNDARY.search(self.text)
        assert found, "no facts are asked for"
        return found[1].encode()

    @property
    def probes(self) -> tuple[int, ...]:
        return tuple(int(number) for number in re.findall(r"^probe (\d+) ", self.text, re.MULTILINE))

    @property
    def proof_marks(self) -> tuple[bytes, ...]:
        return tuple(mark.encode() for mark in _PROOF.findall(self.text))

    @property
    def files(self) -> tuple[str, ...]:
        """The paths that a transaction would swap."""
        return tuple(re.findall(r"/etc/\S+", self.text))

    def framed(self, stdout: bytes, code: object = 0) -> bytes:
        """The honest form of an answer."""
        return self.begin + b"\n" + stdout + self.end + f" {code}\n".encode()

    def packed(self, answers: Mapping[str, Answer]) -> bytes:
        """The facts' answers, each framed, all compressed."""
        pieces = (
            b"%s\n%s %s %d\n" % (one.stdout, self.boundary, name.encode(), one.exit_code)
            for name, one in answers.items()
        )
        return gzip.compress(b"".join(pieces), 1)


def scripts(lines: Iterable[str]) -> Iterator[Script]:
    """Every script of a shell's stdin, as soon as it is whole."""
    begin = b""
    text: list[str] = []
    for line in lines:
        if found := _BEGIN.fullmatch(line):
            begin, text = (found[1] + found[2]).encode(), []
        elif found := _END.fullmatch(line):
            yield Script("".join(text), begin, (found[1] + found[2]).encode())
        else:
            text.append(line)
