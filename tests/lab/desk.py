"""What the lab's tasks do: boot hosts that stay, show them, take them down; one at a time in this checkout."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invoke.exceptions import Exit

from tests.lab import container, faults, inventory, teardown
from tests.lab.base import require_lab
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.lab import boot
from tests.lab.paths import locked
from tests.lab.record import Record, records

FOLDER = inventory.FOLDER


def up(names: str, variant: str, broken: str) -> None:
    """Each word is a list, separated by commas; `broken` is one fault."""
    with _alone():
        fault = faults.find(broken) if broken else None
        wanted = _words(names)
        if not wanted:
            raise LabError("name at least one host: invoke lab.up web1")
        for name in wanted:
            host = _up(name, [*_words(variant), *(faults.needs(broken) if broken else ())])
            if fault:
                fault(host)
                print(f"{name}: broken: {broken}")
        _print_next(wanted)


def down(hosts: str) -> None:
    """These, separated by commas, or all."""
    with _alone():
        there = inventory.staying(FOLDER)
        if unknown := sorted(set(_words(hosts)) - set(there)):
            raise LabError(f"not up: {', '.join(unknown)}; up are: {', '.join(there) or 'none'}")
        for name in _words(hosts) or list(there):
            teardown.remove(there[name])
            inventory.refresh(FOLDER, gone=(name,))
            print(f"{name}: removed")
        if not there:
            print("no lab host is up")


def show() -> None:
    """A line a host."""
    with _speaking_plainly():
        rows = [("NAME", "ADDRESS", "VARIANT", "STATE", "SINCE", "OWNER"), *(_row(record) for record in records())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _up(name: str, wanted: list[str]) -> LabHost:
    there = inventory.staying(FOLDER).get(name)
    if there and container.running(there):
        if set(wanted) - set(there.features):
            raise LabError(f"{name} is up already, as {_variant(there)}; first: invoke lab.down --host {name}")
        print(f"{name}: is up already, at {there.address} ({_variant(there)})")
        return LabHost(**vars(there))
    if there:
        print(f"{name}: has died, is booted anew")
        teardown.remove(there)
    started = time.monotonic()
    host = boot(name, FOLDER, wanted, stays=True)
    inventory.refresh(FOLDER)
    print(f"{name}: up at {host.address} after {time.monotonic() - started:.1f} s ({_variant(host)})")
    return host


def _print_next(names: list[str]) -> None:
    file = inventory.path(FOLDER)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    print(f"\nNext:\n  invoke remediate --inventory {shown} --host {','.join(names)} --dry-run")


@contextmanager
def _speaking_plainly() -> Iterator[None]:
    """An error is one line and exit code 1."""
    try:
        require_lab()
        yield
    except LabError as error:
        raise Exit(f"lab: {error}", code=1) from error


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time in this checkout, after the dead have been cleared away."""
    with _speaking_plainly(), locked(FOLDER / "lock"):
        teardown.reap()
        yield


def _row(record: Record) -> tuple[str, ...]:
    state = "running" if container.running(record) else "down"
    owner = f"test run, pid {record.owner.split('@')[0]}" if record.owner else str(record.run.parent)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.since))
    return (record.name, record.address, _variant(record), state, since, owner)


def _variant(record: Record) -> str:
    return ",".join(record.features) or "plain"


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]
