"""Ask the real php-fpm what it makes of a configuration, in a mount namespace in which it can write no log."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BINARY = "php-fpm8.2"
_CONTAINED = 'mount -t tmpfs none /run && mount -t tmpfs none /var/log && exec "$@"'
_RECORD = re.compile(r"^\[\d\d-\w{3}-\d{4} [\d:]+\] NOTICE: (.*)$")


@dataclass(frozen=True)
class Answer:
    """What `php-fpm -tt` printed: for each section its keys with all their values in the order of the print."""

    accepted: bool
    sections: dict[str, dict[str, list[str]]]
    output: str


def read_back(main: Path) -> Answer:
    """Let php-fpm test the configuration; it reads no php.ini."""
    contained = ["unshare", "-m", "--propagation", "private", "sh", "-c", _CONTAINED, "sh"]
    run = subprocess.run(
        [*contained, BINARY, "-n", "-tt", "-y", str(main)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    output = (run.stderr + run.stdout).decode("utf-8", "surrogateescape")
    return Answer(run.returncode == 0, _sections(output), output)


def _sections(output: str) -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for record in map(_RECORD.match, output.split("\n")):
        text = record[1] if record else ""
        if text.startswith("[") and text.endswith("]") and not text.startswith("[pool "):
            current = sections.setdefault(text[1:-1], {})
        elif text.startswith("\t"):
            key, _, value = text[1:].partition(" = ")
            current.setdefault(key, []).append(value)
    return sections
