"""Where a planted secret must not turn up: this machine's processes, a host's journal and the records of its runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabHost

EVERY_SECONDS = 0.002


@dataclass(frozen=True)
class Sighting:
    """A secret in the arguments or the environment of a process; those of lab hosts can be seen from here, too."""

    secret: str
    place: str
    command: str


@contextmanager
def watched(*secrets: str, planted_in: Sequence[str] = ()) -> Iterator[set[Sighting]]:
    """All sightings while the block runs. `planted_in` are words of commands whose environment was given one."""
    seen: set[Sighting] = set()
    over = threading.Event()
    wanted = {secret: secret.encode() for secret in secrets}

    def look() -> None:
        while not over.wait(EVERY_SECONDS):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for place in ("cmdline", "environ"):
                    data = _read(pid, place)
                    found = [secret for secret, raw in wanted.items() if raw in data]
                    command = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace") if found else ""
                    if found and not (place == "environ" and any(word in command for word in planted_in)):
                        seen.update(Sighting(secret, place, command[:300]) for secret in found)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _read(pid: str, place: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{place}").read_bytes()
    except OSError:
        return b""  # it ended meanwhile, or is the kernel's


RECORDS = """
journalctl --no-pager -o export --sync 2>/dev/null; journalctl --no-pager -a -o verbose
find /var/lib/remediate /tmp /var/tmp /run/remediate* -xdev -type f \\
  ! -path '*/before/*' ! -path '*/after/*' -exec cat {} + 2>/dev/null
find /etc/systemd /run/systemd -name '*remediate*' -type f -exec cat {} + 2>/dev/null
cat /var/log/auth.log /var/log/syslog 2>/dev/null
exit 0
"""


def records(host: LabHost) -> str:
    """What the host keeps of runs: its journal, what lies in their folders but for the files themselves, units."""
    return host.sh(RECORDS).decode(errors="replace")
