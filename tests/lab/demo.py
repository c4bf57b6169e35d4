"""The demonstration: a host whose site answers 502, why, what would change, the cure, and a second run with no work."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab import faults, inventory
from tests.lab.base import require_lab
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.lab import boot
from tests.lab.paths import locked
from tests.lab.teardown import reap

FOLDER = inventory.FOLDER / "demo"
"""Apart from the hosts of lab.up, so that a web1 of somebody's own stays as it is."""
CHECKOUT = inventory.FOLDER.parent


def demonstrate(folder: Path = FOLDER) -> None:
    """Each command is printed as it runs; the host is gone afterwards, whatever happens. LabError where one differs."""
    require_lab()
    reap()
    with _terminated_like_interrupted(), locked(folder / "lock"), _broken_host(folder) as host:
        shown = _Terminal(folder)
        shown.say("The site is down:")
        ask = f"curl -s -o /dev/null -w '%{{http_code}}\\n' -H 'Host: shop.example' http://{host.address}/"
        shown.type(ask, says="502")
        shown.say("Why, and what would be changed? This looks and changes nothing:")
        shown.type("invoke remediate --host web1 --dry-run", says="would change")
        shown.say("Cure it (without --yes it asks first):")
        shown.type("invoke remediate --host web1 --yes", says="changed, healthy")
        shown.type(ask, says="200")
        shown.say("A second run finds nothing to do:")
        shown.type("invoke remediate --host web1 --yes", says="healthy, nothing to do")
        shown.type("invoke verify --host web1", says="healthy, nothing to do")
        shown.say("Have it come back by itself next time? That is a change of files, so there is a diff:")
        only = "--only restart-always --set restart-always.units=php-fpm"
        shown.type(f"invoke remediate --host web1 {only} --dry-run", says="+Restart=always")
        shown.say("That was all; this host goes now. One of your own, to break and to cure:")
        print("$ . .venv/bin/activate && invoke lab.up web1 --broken service-crashed", flush=True)


@contextmanager
def _broken_host(folder: Path) -> Iterator[LabHost]:
    """A host that this process owns, so that a later run removes it should this one be killed."""
    print("demo: booting a Debian host, then killing its PHP-FPM …", flush=True)
    host = boot("web1", folder)
    try:
        faults.service_crashed(host)
        hosts = {"all": {"hosts": {host.name: inventory.variables(host)}}}
        inventory.path(folder).write_text(yaml.safe_dump(hosts, sort_keys=False))
        yield host
    finally:
        host.stop()
        inventory.path(folder).unlink(missing_ok=True)


class _Terminal:
    """Types commands as a person would in this checkout, and minds what they say."""

    def __init__(self, folder: Path) -> None:
        places = {"REMEDIATE_INVENTORY": inventory.path(folder), "XDG_STATE_HOME": folder / "state"}
        search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.environ = {**os.environ, **{name: str(path) for name, path in places.items()}, "PATH": search}
        for name, path in places.items():
            shown = f'"$PWD/{path.relative_to(CHECKOUT)}"' if path.is_relative_to(CHECKOUT) else shlex.quote(str(path))
            print(f"$ export {name}={shown}", flush=True)

    def say(self, text: str) -> None:
        print(f"\n# {text}", flush=True)

    def type(self, command: str, *, says: str) -> None:
        print(f"$ {command}", flush=True)
        done = subprocess.run(
            ["/bin/sh", "-c", command], env=self.environ, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        answer = done.stdout.decode(errors="backslashreplace")
        print(answer, end="", flush=True)
        if done.returncode or says not in answer:
            raise LabError(f"demo: exit code {done.returncode}, and {says!r} was expected from: {command}")


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, too, lets the host be taken down."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
