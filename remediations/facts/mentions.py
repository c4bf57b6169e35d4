"""Mentions: which files hold a port or a path as a word of its own; nothing else of them leaves the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediations.facts.base import Fact, lines_of
from remediations.quoting import quote

Mentions = Mapping[str, frozenset[str]]
"""The files by the word."""


def fact(words: Sequence[str], files: Sequence[str]) -> Fact[Mentions]:
    """Each word in each file; a file that is not there mentions nothing."""
    named = " ".join(map(quote, files))
    found = (f"grep -lwF -e {quote(word)} -- {named} | sed 's|^|{n} |'" for n, word in enumerate(words))
    script = "\n".join(found)
    return Fact("mentions", f"{script}\nexit 0", lambda stdout: parse(stdout, words))


def parse(stdout: bytes, words: Sequence[str]) -> Mentions:
    """`NUMBER FILE`, the word's number."""
    rows = [line.partition(" ") for line in lines_of(stdout, "surrogateescape")]
    return {word: frozenset(file for number, _, file in rows if number == str(n)) for n, word in enumerate(words)}
