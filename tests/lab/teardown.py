"""Taking a host away: its processes, mounts, cables, names and files, and nothing else."""

import sys

from tests.lab import cgroup, container, keys, network, overlay
from tests.lab.paths import RUNTIME, locked
from tests.lab.record import Record, forget, records


def remove(record: Record) -> None:
    """Removes every trace of the host, however far its start had come; its record goes last."""
    cgroup.kill(record.id)
    cgroup.remove(record.id)
    container.clean_up(record)
    overlay.unmount(record)
    network.disconnect(record)
    keys.forget_host_key(record)
    forget(record)


def reap() -> list[Record]:
    """Removes the hosts of runs that died without doing so themselves."""
    with locked(RUNTIME / "reap.lock"):
        dead = [record for record in records() if not record.alive()]
        for record in dead:
            print(f"lab: removing {record.id}, left by a run that died", file=sys.stderr, flush=True)
            remove(record)
    return dead
