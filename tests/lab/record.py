"""The record of a live host: its names, its subnet and who owns it, in one file under /run until the host is gone."""

import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.lab.errors import LabError
from tests.lab.paths import RUNTIME, cache_folder, locked, registry_folder

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
SUBNETS = 2**14
"""Subnets of four addresses in 10.88.0.0/16."""


@dataclass(frozen=True)
class Record:
    """All that is needed to reach a host and to remove every trace of it; `owner` is None for hosts that stay."""

    name: str
    index: int
    user: str
    features: tuple[str, ...]
    directory: Path
    run: Path
    owner: str | None
    boot_id: str
    since: float
    via: str | None

    @property
    def id(self) -> str:
        """The machine-wide name of its namespace, cgroup, overlay and container."""
        return f"rl-{self.name}-{self.index}"

    @property
    def address(self) -> str:
        return _address(self.index, 2)

    @property
    def gateway(self) -> str:
        return _address(self.index, 1)

    @property
    def subnet(self) -> str:
        return f"{_address(self.index, 0)}/30"

    @property
    def veth(self) -> str:
        return f"rl{self.index}"

    @property
    def netns(self) -> str:
        return self.id

    @property
    def port(self) -> int:
        return 22

    @property
    def root(self) -> Path:
        """The mounted overlay."""
        return self.directory / "root"

    @property
    def key(self) -> Path:
        return self.run / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.run / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    @property
    def boot_log(self) -> Path:
        return self.directory / "boot.log"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises KeyError, TypeError or ValueError where the text is not a record."""
        raw = json.loads(text)
        paths = {name: Path(raw[name]) for name in ("directory", "run")}
        return cls(**{**raw, **paths, "features": tuple(raw["features"])})

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), default=str)

    def alive(self) -> bool:
        """Whether whoever wanted this host can still want it: same boot of this machine, owner still running."""
        return self.boot_id == _boot_id() and (self.owner is None or self.owner == _stamp(self.owner.split("@")[0]))


def claim(name: str, user: str, features: tuple[str, ...], run: Path, *, stays: bool, via: str | None) -> Record:
    """Takes the next free subnet and notes the host before anything of it exists, so that nothing can be orphaned."""
    if not NAME.fullmatch(name):
        raise LabError(f"not a name for a lab host: {name!r} (lower-case letters, digits and dashes)")
    with locked(RUNTIME / "lock"):
        index = _next_index()
        owner = None if stays else _stamp(os.getpid())
        directory = cache_folder() / "hosts" / f"rl-{name}-{index}"
        record = Record(name, index, user, features, directory, run.absolute(), owner, _boot_id(), time.time(), via)
        path = _path(record)
        path.with_suffix(".new").write_text(record.to_json())
        path.with_suffix(".new").rename(path)
    return record


def forget(record: Record) -> None:
    _path(record).unlink(missing_ok=True)


def records() -> Iterator[Record]:
    """Every host that was noted and not yet removed, of every run on this machine."""
    for path in sorted(registry_folder().glob("*.json")):
        try:
            yield Record.from_json(path.read_text())
        except FileNotFoundError:
            continue  # removed by its own run in between
        except (KeyError, TypeError, ValueError) as error:
            hint = "take its host down with the checkout that booted it"
            raise LabError(f"{path}: not a record of this version of the lab; {hint}") from error


def _path(record: Record) -> Path:
    return registry_folder() / f"{record.id}.json"


def _next_index() -> int:
    """Walks round all subnets, so that an address is not soon used again with another host key."""
    cursor = RUNTIME / "cursor"
    last = int(cursor.read_text()) if cursor.exists() else 0
    taken = {record.index for record in records()}
    free = next((n % SUBNETS for n in range(last + 1, last + 1 + SUBNETS) if n % SUBNETS not in taken), None)
    if free is None:
        raise LabError(f"all {SUBNETS} subnets of the lab are taken; see /run/remediate-lab/hosts")
    cursor.write_text(str(free))
    return free


def _address(index: int, offset: int) -> str:
    low = 4 * index + offset
    return f"10.88.{low // 256}.{low % 256}"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stamp(pid: int | str) -> str:
    """A process named so that a later one with the same pid is not taken for it; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return f"{pid}@{stat.rpartition(')')[2].split()[19]}"
