"""nginx: its binary, its configuration files by include expansion, its master and when its workers began to serve."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from remediations.editors.nginx_build import Build, parse_build
from remediations.facts.base import MAX_FACT_BYTES, Fact, Unknown, fragment, lines_of
from remediations.facts.files import EMIT_FILES, MAX_ALL_BYTES, Files
from remediations.facts.files import parse as parse_files


@dataclass(frozen=True)
class NginxFiles:
    """`binary` is what runs or would run; `main` the file it starts from; `master` its pid where one runs.

    `build` holds the compiled-in paths, in force where the configuration names none; its prefix is the running
    master's. `listed` are the include patterns whose files have all been read.
    """

    binary: str
    version: str
    main: str
    build: Build
    master: int | None
    listed: tuple[str, ...]
    files: Files


def parse(stdout: bytes) -> NginxFiles | Unknown | None:
    """`key value` lines, then the frame of files; None where there is no nginx."""
    if stdout.strip() == b"absent":
        return None
    head, marker, rest = stdout.partition(b"\nfiles ")
    if len(head) > MAX_FACT_BYTES:
        return Unknown("nginx includes more than can be followed")
    pairs = [line.partition(" ")[::2] for line in lines_of(head, "surrogateescape")]
    found = dict(pairs)
    files = parse_files(marker.lstrip() + rest)
    if isinstance(files, Unknown):
        return files
    version = re.search(r"nginx version: \S+/(\S+)", found["built"])
    return NginxFiles(
        binary=found["binary"],
        version=version[1] if version else "",
        main=found["main"],
        build=replace(parse_build(found["built"]), prefix=found["prefix"]),
        master=int(found["master"]) if found["master"] else None,
        listed=tuple(value for key, value in pairs if key == "listed"),
        files=files,
    )


SCRIPT = EMIT_FILES + fragment("starters") + fragment("nginx")
FACT: Fact[NginxFiles | None] = Fact("nginx", SCRIPT, parse, most=MAX_ALL_BYTES)
