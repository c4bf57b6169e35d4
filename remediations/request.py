"""What the command line asks for, checked before anything connects."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from remediations.connections.base import HostKeyChecking
from remediations.errors import UsageError
from remediations.run_id import RUN_ID
from remediations.secret import Secret

Verb = Literal["remediate", "diagnose", "verify", "undo", "history", "recover", "confirm", "watch"]
APPLYING: tuple[Verb, ...] = ("remediate", "undo")
"""Plan, show, ask and apply; `--dry-run` ends them before that."""
CHANGING: tuple[Verb, ...] = (*APPLYING, "recover", "confirm")
"""Never mean all hosts by default."""
FORMATS = ("text", "json")


@dataclass(frozen=True)
class Request:
    """`forks` hosts at a time; `settle` in seconds, None: as the actions call for; `plan` a plan's first digits.

    `confirm_timeout` and `wait_lock` in seconds; None: as `hold` calls for. `window` says for how many seconds a
    site is watched (None: as the host or the person calls for), with `full` also after a change; `every` how often.
    `source` is what is diagnosed instead of hosts, `save` where their evidence is kept.
    """

    verb: Verb
    hosts: tuple[str, ...] = ()
    playbook: str | None = None
    inventory: str | None = None
    only: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    dry_run: bool = False
    yes: bool = False
    forks: int = 32
    format: str = "text"
    output: Path | None = None
    save: Path | None = None
    source: Path | None = None
    health_url: str | None = None
    settle: float | None = None
    require_proof: bool = False
    plan: str | None = None
    run: str | None = None
    hold: bool = False
    confirm_timeout: int | None = None
    wait_lock: int = 0
    known_hosts: Path | None = None
    host_key_checking: HostKeyChecking | None = None
    become_password: Secret | None = None
    detailed_exitcode: bool = False
    window: float | None = None
    full: bool = False
    every: float = 30.0
    url: str | None = None
    resolve: tuple[tuple[str, int, str], ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @property
    def may_change(self) -> bool:
        return self.verb in CHANGING and not self.dry_run

    @property
    def applies(self) -> bool:
        return self.verb in APPLYING

    @property
    def may_run(self) -> bool:
        """Whether nothing will be changed, or somebody agreed, or can be asked."""
        return not self.applies or self.dry_run or self.yes or (sys.stdin is not None and sys.stdin.isatty())


def words(values: Sequence[str] | None) -> tuple[str, ...]:
    """The values of a flag that repeats."""
    return tuple(value for value in values or () if value.strip())


def count(flag: str, text: str, *, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise UsageError(f"{flag} {text}: expected a whole number from 1 to {most}")
    return int(text)


def seconds(flag: str, text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?s?", text):
        raise UsageError(f"{flag} {text}: expected seconds, such as 5 or 2.5s")
    return float(text.removesuffix("s"))


def whole_seconds(flag: str, text: str | None, *, least: int, most: int) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}s?", text) or not least <= int(text.removesuffix("s")) <= most:
        raise UsageError(f"{flag} {text}: expected whole seconds from {least} to {most}")
    return int(text.removesuffix("s"))


def duration(flag: str, text: str | None, *, least: float, most: float) -> float | None:
    """A time such as 30, 30s, 2m or 1h, in seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", text, re.ASCII)
    value = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else -1.0
    if not least <= value <= most:
        raise UsageError(f"{flag} {text}: expected a time from {least:g}s to {most / 3600:g}h, such as 30s or 2m")
    return value


def resolve(texts: Sequence[str]) -> tuple[tuple[str, int, str], ...]:
    """As curl's: HOST:PORT:ADDRESS."""
    found = []
    for text in texts:
        match = re.fullmatch(r"([A-Za-z0-9_.-]+):([0-9]{1,5}):\[?([0-9A-Fa-f.:]+)\]?", text, re.ASCII)
        try:
            address = str(ipaddress.ip_address(match[3] if match else ""))
        except ValueError:
            raise UsageError(
                f"--resolve {text}: expected HOST:PORT:ADDRESS, such as shop.example:443:192.0.2.7"
            ) from None
        assert match
        found.append((match[1].lower(), int(match[2]), address))
    return tuple(found)


def one_of(flag: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise UsageError(f"{flag} {text}: expected one of {', '.join(allowed)}")
    return text


def plan_hash(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9a-f]{8,64}", text):
        raise UsageError(f"--plan {text}: expected the hash that a dry run shows, 8 to 64 hexadecimal digits")
    return text


def run_id(text: str | None) -> str | None:
    if text is not None and not RUN_ID.fullmatch(text):
        raise UsageError(f"--run {text}: expected the id of a run, such as 20261122T130500Z-7f3a9c (see: history)")
    return text


def checking(flag: str, text: str | None) -> HostKeyChecking | None:
    """OpenSSH's words, and Ansible's booleans."""
    allowed: dict[str, HostKeyChecking] = {
        "yes": "yes", "true": "yes", "1": "yes", "accept-new": "accept-new", "no": "no", "false": "no", "0": "no",
    }  # fmt: skip
    if text is None or not text.strip():
        return None
    if text.lower() not in allowed:
        raise UsageError(f"{flag} {text}: expected one of yes, accept-new, no")
    return allowed[text.lower()]
