"""The command line as a user types it, for tests: a process of its own, its text, its exit code, its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import yaml

from tests.lab.host import LabHost
from tests.lab.inventory import variables

CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded

    @property
    def host(self) -> dict[str, Any]:
        """The only host of the document."""
        (host,) = self.document["hosts"]
        found: dict[str, Any] = host
        return found


@dataclass(frozen=True)
class CommandLine:
    """Runs `invoke VERB …` in the checkout with its own inventory and state folder."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "invoke"

    @property
    def impatient(self) -> Self:
        """For a site that stays bad: it is not waited for."""
        return replace(self, module="tests.impatient")

    def knows(self, *hosts: LabHost, **extra: Any) -> None:
        """Writes the inventory; `extra` are variables of all hosts."""
        entries = {host.name: variables(host) for host in hosts}
        self.write_inventory(yaml.safe_dump({"all": {"hosts": entries, "vars": extra}}))

    def write_inventory(self, text: str) -> None:
        (self.folder / "inventory.yml").write_text(text)

    def surroundings(self) -> dict[str, str]:
        """The environment of the process."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "NO_COLOR": "1"}
        return environment | {"REMEDIATE_INVENTORY": str(self.folder / "inventory.yml"), **self.environment}

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = 180, module: str = "") -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", module or self.module, *words], cwd=CHECKOUT, env=self.surroundings(),
            timeout=seconds, text=True, capture_output=True,
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str) -> Answer:
        return self(*words, "--format", "json")

    def remediate(self, *words: str) -> Answer:
        """With `--yes` and JSON, for web1 unless the words name another host."""
        host: Sequence[str] = () if "--host" in words else ("--host", "web1")
        return self.json("remediate", *host, "--yes", *words)

    def dry_run(self, *words: str) -> Answer:
        host: Sequence[str] = () if "--host" in words else ("--host", "web1")
        return self.json("remediate", *host, "--dry-run", *words)
