"""What the tests of hostile hosts share: a host on loopback, an inventory that knows it, and the checks of a report."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests import contract
from tests.command_line import CommandLine
from tests.hostile.host import Host
from tests.hostile.measured import Measured, run
from tests.hostile.sshd import hostile, variables

MOST_MEMORY = 400 << 20
"""An honest host takes 55 MiB; this is what the worst one may take, of one run, at any moment."""

HURRIED = "tests.hostile.hurried"

APPLY = ("remediate", "--yes", "--only", "restart-service,restart-always")

Ask = Callable[..., Measured]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Runs the command line against a host: `ask(host, "diagnose", "--format", "json")`."""
    command = CommandLine(tmp_path, {"HOME": str(tmp_path), "SSH_AUTH_SOCK": ""})
    with ExitStack() as stack:

        def against(host: Host, *words: str, module: str = HURRIED, **extra: object) -> Measured:
            port = stack.enter_context(hostile(host))
            entry = variables(tmp_path, port) | extra
            command.write_inventory(yaml.safe_dump({"all": {"hosts": {"web1": entry}}}))
            verb, *rest = words
            return run(command, verb, "--host", "web1", *rest, module=module)

        yield against


def check(answer: Measured, *codes: int) -> None:
    """Bounded, harmless, honest: what holds for every answer to a hostile host."""
    assert answer.peak < MOST_MEMORY, f"{answer.peak >> 20} MiB"
    for text in (answer.stdout, answer.stderr):
        assert not raw(text), (raw(text), text)
    assert "Traceback" not in answer.stderr
    assert answer.exit_code in codes, answer
    if answer.stdout.startswith("{"):
        contract.check(json.loads(answer.stdout, parse_constant=_no_json))


def raw(text: str) -> set[str]:
    """Characters that a terminal could obey or that could reorder a line."""
    bad = {char for char in set(text) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return bad - {"\n", "\t"}


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
