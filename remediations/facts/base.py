"""Facts: shell fragments that are joined into one script, and pure parsers of what each of them answers."""

from __future__ import annotations

import gzip
import re
import secrets
import shlex
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from remediations.errors import HostAnswerError

T_co = TypeVar("T_co", covariant=True)

# What every fragment may rely on: a fixed locale, the sbin folders (sudo's secure_path may leave them out).
PRELUDE = """\
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
umask 077
"""


@cache
def fragment(name: str) -> str:
    """The text of `facts/NAME.sh`, kept as a file so that shellcheck and people can read it."""
    return (Path(__file__).parent / f"{name}.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Unknown:
    """A fact that could not be had, and why; never to be read as "there is none"."""

    reason: str


@dataclass(frozen=True)
class Answer:
    """What one fragment printed, byte for byte, and its exit code (124: its time limit ended it)."""

    exit_code: int
    stdout: bytes


@dataclass(frozen=True)
class Fact(Generic[T_co]):
    """One noun that can be asked of a host.

    `script` is POSIX sh, run by its own `sh -c` with stdin closed and at most `seconds` of time.
    `parse` is pure; it gets the answer of a fragment that exited 0 and may return Unknown.
    """

    name: str
    script: str
    parse: Callable[[bytes], T_co | Unknown]
    seconds: int = 5

    def read(self, answer: Answer | None) -> T_co | Unknown:
        """The parsed fact, or Unknown with the reason: cut short, no such answer, or the fragment's own failure."""
        if answer is None:
            return Unknown(f"the host did not answer {self.name}")
        if answer.exit_code in (124, 137):
            return Unknown(f"{self.name}: no answer within {self.seconds} s")
        if answer.exit_code:
            words = answer.stdout.decode(errors="replace").strip().splitlines()
            return Unknown(words[-1] if words else f"{self.name}: exit code {answer.exit_code}")
        return self.parse(answer.stdout)


@dataclass(frozen=True)
class Question:
    """The joined script of several facts and the boundary that frames their answers."""

    facts: tuple[Fact[object], ...]
    script: str
    boundary: str


def join(facts: Sequence[Fact[object]], *, beside: Sequence[Fact[object]] = ()) -> Question:
    """One script that answers all facts in one go, compressed where the host has gzip.

    The facts in `beside` run at the same time as the others: they are the left side of a pipe that the others
    read last, so that a health URL that hangs costs its own time limit and nothing else, and no file is needed.
    """
    boundary = secrets.token_hex(16)
    first = "\n".join(_framed(fact) for fact in facts)
    body = f"{first}\n"
    if beside:
        late = "\n".join(_framed(fact) for fact in beside)
        body = f"{{\n{late}\n}} | {{\n{body}cat\n}}\n"
    limit = (
        'if command -v timeout >/dev/null 2>&1; then lim() { timeout -k 1 "$@"; }; else lim() { shift; "$@"; }; fi\n'
    )
    frame = f'answered() {{ printf \'\\n{boundary} %s %d\\n\' "$1" "$2"; }}\n'
    pack = "if command -v gzip >/dev/null 2>&1; then pack='gzip -1'; else pack=cat; fi\n"
    script = f"{PRELUDE}{limit}{frame}{pack}{{\n{body}}} 2>/dev/null | $pack\n"
    return Question((*facts, *beside), script, boundary)


def _framed(fact: Fact[object]) -> str:
    code = shlex.quote(fact.script)
    return f"lim {fact.seconds} sh -c {code} </dev/null; answered {fact.name} $?"


def split(question: Question, stdout: bytes) -> dict[str, Answer]:
    """The answers by fact name; raises HostAnswerError where the compressed stream is damaged."""
    if stdout[:2] == b"\x1f\x8b":
        try:
            stdout = gzip.decompress(stdout)
        except (OSError, EOFError, zlib.error) as error:
            raise HostAnswerError(f"the host's facts arrived damaged: {error}") from error
    answers: dict[str, Answer] = {}
    start = 0
    for match in re.finditer(rb"\n%s (\S+) (\d+)\n" % question.boundary.encode(), stdout):
        answers[match[1].decode()] = Answer(int(match[2]), stdout[start : match.start()])
        start = match.end()
    return answers
