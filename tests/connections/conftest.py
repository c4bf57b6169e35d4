"""What the tests of connections share: targets of lab hosts, and one plain host for all tests that break nothing."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from remediations.connections.base import Connection, Shell, Target
from remediations.connections.open import open_connection
from tests.lab.host import LabHost
from tests.lab.lab import boot


@dataclass(frozen=True)
class Password:
    """A secret as connections want it."""

    value: str

    def reveal(self) -> str:
        return self.value


class Opener(Protocol):
    """Opens connections that are closed after the test; `warnings` holds what they said."""

    warnings: list[str]

    def __call__(self, target: Target) -> Connection: ...


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with no agent: the desk's own ssh set-up takes no part in any test."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    monkeypatch.setenv("XDG_CACHE_HOME", cache)  # where the lab has its base trees
    folder = tmp_path_factory.mktemp("home")
    (folder / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def connect() -> Iterator[Opener]:
    class _Opener:
        def __init__(self) -> None:
            self.warnings: list[str] = []
            self.opened: list[Connection] = []

        def __call__(self, target: Target) -> Connection:
            self.opened.append(open_connection(target, self.warnings.append))
            return self.opened[-1]

    opener = _Opener()
    yield opener
    for connection in opener.opened:
        connection.close()


@pytest.fixture(scope="session")
def plain_host(lab_run: Path) -> Iterator[LabHost]:
    """A host for tests that only talk to it."""
    host = boot("talk1", lab_run)
    yield host
    host.stop()


def target_of(host: LabHost, **changes: Any) -> Target:
    """How the toolkit would reach a lab host."""
    target = Target(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        private_key_file=host.key,
        known_hosts_files=(host.known_hosts,),
    )
    return replace(target, **changes)


LOCAL = Target(name="here", address="localhost", connection="local")

ShellOpener = Callable[[], Shell]


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.lab)])
def open_shell(request: pytest.FixtureRequest, connect: Opener) -> ShellOpener:
    """Opens shells of one connection, once on this machine and once on a real host."""
    target = LOCAL if request.param == "local" else target_of(request.getfixturevalue("plain_host"))
    return connect(target).shell


@pytest.fixture
def shell(open_shell: ShellOpener) -> Shell:
    return open_shell()
