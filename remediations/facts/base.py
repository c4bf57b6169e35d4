"""Facts: shell fragments that are joined into one script, and pure parsers of what each of them answers."""

from __future__ import annotations

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

MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""Of all answers of one trip; configuration is packed four to ten times smaller than this."""
MAX_FACT_BYTES = 1024 * 1024
MAX_REASON_BYTES = 4096

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

    `script` is POSIX sh, run by its own `sh -c` with at most `seconds` of time.
    `parse` is pure; it gets the answer of a fragment that exited 0 and may return Unknown. An answer is whatever the
    host likes to send: one that `parse` cannot read, or of more than `most` bytes, is Unknown, too.
    """

    name: str
    script: str
    parse: Callable[[bytes], T_co | Unknown]
    seconds: int = 5
    most: int = MAX_FACT_BYTES
    stdin: tuple[str, ...] = ()
    """Lines that the script reads: `ps` shows it to every user of the host, and these to nobody."""

    def read(self, answer: Answer | None) -> T_co | Unknown:
        """The parsed fact, or Unknown with the reason: cut short, no such answer, or the fragment's own failure."""
        if answer is None:
            return Unknown(f"the host did not answer {self.name}")
        if answer.exit_code in (124, 137):
            return Unknown(f"{self.name}: no answer within {self.seconds} s")
        if answer.exit_code == 127:
            return Unknown(f"{self.name}: a program that this takes is not there (exit code 127)")
        if answer.exit_code:
            words = lines_of(answer.stdout[-MAX_REASON_BYTES:].strip())
            return Unknown(words[-1] if words else f"{self.name}: exit code {answer.exit_code}")
        if len(answer.stdout) > self.most:
            return Unknown(f"{self.name}: the answer is longer than {self.most >> 10} KiB")
        try:
            return self.parse(answer.stdout)
        except (ValueError, LookupError, ArithmeticError, RecursionError) as error:
            return Unknown(f"{self.name}: the answer cannot be read ({type(error).__name__})")


def lines_of(data: bytes, errors: str = "replace") -> list[str]:
    """The lines of an answer, which only a newline ends.

    str.splitlines also ends them at characters that anybody may put into a process title, a log or a file name, and
    whose rest would be taken for a line of the host's.
    """
    return data.decode(errors=errors).removesuffix("\n").split("\n") if data else []


def _elapsed(stdout: bytes) -> float:
    began, ended = stdout.split()
    return float(ended) - float(began)


TOOK: Fact[float] = Fact("took", "", _elapsed)
"""How many seconds the host's shell needed for one trip's answers; each trip ends with it."""


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
    clock = "read -r began rest </proc/uptime\n"
    body += f'read -r ended rest </proc/uptime; printf "%s %s" "$began" "$ended"; answered {TOOK.name} 0\n'
    limit = (
        'if command -v timeout >/dev/null 2>&1; then lim() { timeout -k 1 "$@"; }; else lim() { shift; "$@"; }; fi\n'
    )
    frame = f'answered() {{ printf \'\\n{boundary} %s %d\\n\' "$1" "$2"; }}\n'
    pack = "if command -v gzip >/dev/null 2>&1; then pack='gzip -1'; else pack=cat; fi\n"
    script = f"{PRELUDE}{limit}{frame}{pack}{clock}{{\n{body}}} 2>/dev/null | $pack\n"
    return Question((*facts, *beside, TOOK), script, boundary)


def _framed(fact: Fact[object]) -> str:
    code = shlex.quote(fact.script)
    return f"lim {fact.seconds} sh -c {code} {_stdin(fact.stdin)}answered {fact.name} $?"


def _stdin(lines: Sequence[str]) -> str:
    """What follows a command that reads these lines; none may hold a newline."""
    if not lines:
        return "</dev/null; "
    end = secrets.token_hex(8)
    return "\n".join([f"<<'{end}'", *lines, end, ""])


def split(question: Question, stdout: bytes) -> dict[str, Answer]:
    """The answers by fact name; raises HostAnswerError where the stream is damaged or not what was agreed."""
    data = _unpacked(stdout) if stdout[:2] == b"\x1f\x8b" else stdout
    asked = {fact.name.encode(): fact.name for fact in question.facts}
    answers: dict[str, Answer] = {}
    start = 0
    for match in re.finditer(rb"\n%s (\S+) ([0-9]{1,3})\n" % question.boundary.encode(), data):
        name = asked.get(match[1])
        if name is None or name in answers:
            raise HostAnswerError("the host's facts have an answer that nobody asked for")
        answers[name] = Answer(int(match[2]), data[start : match.start()])
        start = match.end()
    return answers


def _unpacked(packed: bytes) -> bytes:
    """Not by gzip.decompress: a MiB may unpack to a GiB."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = stream.decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise HostAnswerError(f"the host's facts arrived damaged: {error}") from error
    if not stream.eof:
        cut = len(data) < MAX_UNPACKED_BYTES
        why = "they are cut short" if cut else f"they unpack to more than {MAX_UNPACKED_BYTES >> 20} MiB"
        raise HostAnswerError(f"the host's facts arrived damaged: {why}")
    return data
