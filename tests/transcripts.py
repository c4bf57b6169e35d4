"""Transcripts in the docs: what stands below each `$ command` is what a real host answered.

A comment `<!-- host: FAULT -->` boots a fresh web1 with that fault (none: a sound one) for the ```console blocks that
follow it in the page. `.venv/bin/python -m tests.transcripts` tells them all anew.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.command_line import CHECKOUT, CommandLine
from tests.lab import faults
from tests.lab.host import LabHost
from tests.lab.lab import boot

Boot = Callable[[], LabHost]
_PIECE = re.compile(r"^<!-- host: (?P<fault>[\w-]+) -->$|^```console\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
_PASSING = (
    (r"\b[0-9a-f]{16,64}\b", "HASH"),
    (r"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d|\d{8}T\d{6}Z-[0-9a-f]{6}", "TIME"),
    (r'request: "[^"]*"', "REQUEST"),
)


def pages() -> list[Path]:
    """The pages that hold transcripts."""
    every = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]
    return [page for page in every if _PIECE.search(page.read_text(encoding="utf-8"))]


def retold(text: str, command_line: CommandLine, start: Boot) -> str:
    """The page with what its commands print now."""

    def piece(match: re.Match[str]) -> str:
        if match["fault"]:
            host = start()
            if match["fault"] != "none":
                faults.find(match["fault"])(host)
            command_line.knows(host)
            return match[0]
        return f"```console\n{''.join(_typed(match['block'], command_line))}```"

    return _PIECE.sub(piece, text)


def lasting(text: str) -> str:
    """The text without what differs from run to run: times, hashes, and figures outside of diffs."""
    for pattern, name in _PASSING:
        text = re.sub(pattern, name, text)
    lines = (line if line.lstrip().startswith(("+", "-")) else re.sub(r"\d+", "N", line) for line in text.splitlines())
    return "\n".join(lines)


def _typed(block: str, command_line: CommandLine) -> Iterator[str]:
    for command in re.findall(r"^\$ invoke (.*)$", block, re.MULTILINE):
        yield f"$ invoke {command}\n{command_line(*command.split()).stdout}"


def main() -> None:
    for page in pages():
        with ExitStack() as hosts, tempfile.TemporaryDirectory(prefix="remediate-docs-") as folder:

            def start(folder: str = folder, hosts: ExitStack = hosts) -> LabHost:
                host = boot("web1", Path(folder))
                hosts.callback(host.stop)
                return host

            text = page.read_text(encoding="utf-8")
            page.write_text(retold(text, CommandLine(Path(folder)), start), encoding="utf-8")
            print(page.relative_to(CHECKOUT), flush=True)


if __name__ == "__main__":
    main()
