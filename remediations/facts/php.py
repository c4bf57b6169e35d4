"""PHP-FPM: every version that the host has, its files, its master and the memory limits of its cgroup."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.facts.base import MAX_FACT_BYTES, Fact, Unknown, fragment, lines_of
from remediations.facts.files import EMIT_FILES, MAX_ALL_BYTES, Files
from remediations.facts.files import parse as parse_files

UNLIMITED = 1 << 62


@dataclass(frozen=True)
class Fpm:
    """One PHP-FPM: `version` as its folder says ("8.2", "" where there is none), `master` its pid where it runs.

    `binary` is "" where a unit is to start it and its program is gone.

    `ini_files` in the order in which PHP reads them. `memory_limits` in bytes: what its cgroup and each of that one's
    ancestors allow; empty where nothing limits it. `unit` is "" where no unit file names
    a main file of no known layout.
    """

    version: str
    main: str
    binary: str
    unit: str
    master: int | None
    ini_files: tuple[str, ...]
    memory_limits: tuple[int, ...]


@dataclass(frozen=True)
class PhpFiles:
    """All PHP-FPMs of the host and the files that they read."""

    versions: tuple[Fpm, ...]
    files: Files


def parse(stdout: bytes) -> PhpFiles | Unknown:
    """Paragraphs that begin with `fpm`, then the frame of files; no paragraph means no PHP-FPM."""
    at = stdout.index(b"files ") if stdout.startswith(b"files ") else stdout.index(b"\nfiles ") + 1
    if at > MAX_FACT_BYTES:
        return Unknown("there are more PHP-FPMs than can be listed")
    files = parse_files(stdout[at:])
    if isinstance(files, Unknown):
        return files
    paragraphs: list[list[tuple[str, str]]] = []
    for line in lines_of(stdout[:at], "surrogateescape"):
        key, _, value = line.partition(" ")
        if key == "fpm":
            paragraphs.append([])
        paragraphs[-1].append((key, value))
    return PhpFiles(tuple(_fpm(paragraph) for paragraph in paragraphs), files)


def _fpm(pairs: list[tuple[str, str]]) -> Fpm:
    one = dict(pairs)
    limits = (int(value) for key, value in pairs if key == "limit" and value.isdigit())
    return Fpm(
        version=one["fpm"],
        main=one["main"],
        binary=one["binary"],
        unit=one["unit"],
        master=int(one["master"]) if one["master"] else None,
        ini_files=tuple(value for key, value in pairs if key == "ini"),
        memory_limits=tuple(limit for limit in limits if limit < UNLIMITED),
    )


FACT: Fact[PhpFiles] = Fact("php", EMIT_FILES + fragment("starters") + fragment("php"), parse, most=MAX_ALL_BYTES)
