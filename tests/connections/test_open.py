"""Connections are opened lazily, and what is not needed is not loaded."""

import subprocess
import sys

import pytest

from remediations.connections.base import Target
from remediations.connections.local import LocalConnection
from remediations.connections.ssh import SshConnection
from tests.connections.conftest import LOCAL, Opener


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*(name for name in ('paramiko', 'fabric', 'invoke') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import remediations.connections.base",
        "import remediations.connections.open",
        "from remediations.connections.open import open_connection\n"
        "from remediations.connections.base import Target\n"
        "open_connection(Target('here', 'localhost', connection='local')).shell().run('true', timeout=10)",
        "import remediations.connections.known_hosts, remediations.connections.host_key, remediations.connections.dial",
    ],
)
def test_without_ssh_no_ssh_library_is_loaded(code: str) -> None:
    assert loaded(code) == set()


def test_the_target_chooses_the_way(connect: Opener) -> None:
    assert isinstance(connect(LOCAL), LocalConnection)
    assert isinstance(connect(Target("web1", "nosuch.invalid")), SshConnection)


def test_a_connection_that_was_never_used_closes_quietly(connect: Opener) -> None:
    for target in (LOCAL, Target("web1", "nosuch.invalid")):
        connection = connect(target)
        connection.close()
        connection.close()


def test_a_target_does_not_show_its_password() -> None:
    class Shown:
        def reveal(self) -> str:
            return "hush"

        def __repr__(self) -> str:
            return "hush"

    assert "hush" not in repr(Target("web1", "10.0.0.5", become_password=Shown()))
