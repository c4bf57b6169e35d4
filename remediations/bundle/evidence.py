"""The bundle: the masked evidence of a run's hosts, as one file that people and this program can read."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from remediations.bundle import archive, typed
from remediations.bundle.typed import DamagedError
from remediations.facts.files import HostFile
from remediations.facts.logs import Log
from remediations.result import Status
from remediations.snapshot import Snapshot

SCHEMA = 1
"""Within it facts and fields are added; what an older version has not written is unknown."""
MANIFEST = "manifest.json"
MOST_FILE_BYTES = 8 << 20
"""Of a file of 1 MiB, each byte of which may be shown as six."""
LONGEST_NAME = 100
"""Bytes that every tar has room for."""
_FOLDERS: Mapping[type, str] = {HostFile: "files", Log: "logs"}
README = """\
What a host answered when it was asked why its site is bad: secrets masked as ***, control characters escaped.

    report.txt                  what was found, as it was told then
    hosts/NAME/files/…          its configuration files, by their paths
    hosts/NAME/logs/…           the ends of its error logs
    hosts/NAME/facts/….json     all else: units, sockets, processes, journal, the site's answers
    manifest.json               when, by which version, which hosts; those of which nothing is known, and why

The same diagnosis again, without a host: invoke diagnose --from THIS-FILE
"""


@dataclass(frozen=True)
class Absent:
    """A host of the run of which nothing is known, and why."""

    host: str
    status: Status
    error: str


@dataclass(frozen=True)
class Gathered:
    """A host whose facts lie in that folder of the bundle."""

    host: str
    folder: str


@dataclass(frozen=True)
class Manifest:
    """`tool` is the version that wrote it, `run` the run's id, `time` when it ended, as seconds since the epoch."""

    schema: int
    tool: str
    run: str
    time: int
    hosts: tuple[Gathered | Absent, ...]


@dataclass(frozen=True)
class Bundle:
    """The hosts in the order of the run, their snapshots masked already; the rest as in Manifest."""

    tool: str
    run: str
    time: int
    hosts: tuple[Snapshot | Absent, ...]

    @property
    def when(self) -> str:
        """For people: the clock of the side that has asked."""
        return f"{datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def pack(bundle: Bundle, report: str) -> bytes:
    """The file, the same for the same bundle. Raises DamagedError where it is too large to be read again."""
    members: dict[str, bytes] = {}
    hosts = tuple(one if isinstance(one, Absent) else _written(one, members) for one in bundle.hosts)
    manifest = Manifest(SCHEMA, bundle.tool, bundle.run, bundle.time, hosts)
    first = {
        "README.txt": README.encode(),
        "report.txt": report.encode(errors="backslashreplace"),
        MANIFEST: _json(typed.encode(manifest, partial(_kept, members, ""))),
    }
    return archive.pack(first | members, time=bundle.time)


def unpack(tar: bytes) -> Bundle:
    """What `pack` wrote, out of its tar. Raises DamagedError, which names the member."""
    members = archive.members(tar)
    for name, data in members.items():
        if len(data) > MOST_FILE_BYTES and not name.endswith(".json"):
            raise DamagedError(
                f"{name}: is larger than {MOST_FILE_BYTES >> 20} MiB, as no file is that a host was asked for"
            )
    raw = _loaded(members, MANIFEST)
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if schema != SCHEMA:
        raise DamagedError(f"{MANIFEST}: is of schema {schema}; this version reads schema {SCHEMA}")
    manifest: Manifest = typed.decode(Manifest, raw, members, MANIFEST)
    hosts = tuple(one if isinstance(one, Absent) else _read(one, members) for one in manifest.hosts)
    if not hosts or len({one.host for one in hosts}) < len(hosts):
        raise DamagedError(f"{MANIFEST}: names no host, or one twice")
    if not 0 <= manifest.time < 1 << 33:
        raise DamagedError(f"{MANIFEST}: {manifest.time} is no time")
    return Bundle(manifest.tool, manifest.run, manifest.time, hosts)


def _written(snapshot: Snapshot, members: dict[str, bytes]) -> Gathered:
    folder = _free(members, f"hosts/{re.sub(r'[^A-Za-z0-9@_.:-]', '_', snapshot.host).strip('.') or '_'}")
    for name in _facts():
        value = typed.encode(getattr(snapshot, name), partial(_kept, members, folder))
        members[f"{folder}/facts/{name}.json"] = _json(value)
    return Gathered(snapshot.host, folder)


def _read(gathered: Gathered, members: Mapping[str, bytes]) -> Snapshot:
    """Each fact has a file of its own; one that has none was not known to the version that wrote the bundle."""
    values = {}
    for name, field in _facts().items():
        path = f"{gathered.folder}/facts/{name}.json"
        hint = typed.hints(Snapshot)[name]
        try:
            values[name] = (
                typed.decode(hint, _loaded(members, path), members, path)
                if path in members
                else typed.lacking(hint, field, gathered.folder)
            )
        except typed.LackingError as error:
            raise DamagedError(str(error)) from error
    if values["host"] != gathered.host:
        raise DamagedError(f"{gathered.folder}: is not of {gathered.host}")
    return Snapshot(**values)


def _facts() -> dict[str, dataclasses.Field[Any]]:
    """All but what the inventory says of the host, which is nobody's business."""
    return {field.name: field for field in dataclasses.fields(Snapshot) if field.name != "variables"}


def _kept(members: dict[str, bytes], folder: str, owner: object, data: bytes) -> str:
    """A file under its own path, so that a person finds it; the same bytes under the same path are kept once."""
    path = str(getattr(owner, "path", ""))
    for name in _names(f"{folder}/{_FOLDERS.get(type(owner), 'data')}/{posixpath.normpath('/' + path).lstrip('/')}"):
        if members.setdefault(name, data) == data:
            return name
    raise AssertionError("names do not end")


def _names(name: str) -> Iterator[str]:
    if len(name.encode()) > LONGEST_NAME - 8:
        folder, path = name.split("/")[:3], name.encode()
        name = f"{'/'.join(folder)[:50]}/{sha256(path).hexdigest()[:32]}"
    yield name
    for number in range(2, 1 << 20):
        yield f"{name}~{number}"


def _free(members: Mapping[str, bytes], folder: str) -> str:
    taken = {"/".join(name.split("/")[:2]) for name in members}
    return next(each for each in _names(folder[:60]) if each not in taken)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _loaded(members: Mapping[str, bytes], name: str) -> Any:
    if name not in members:
        raise DamagedError(f"{name}: is not in it")
    try:
        return json.loads(members[name], parse_constant=_no_number)
    except RecursionError as error:
        raise DamagedError(f"{name}: is nested too deeply") from error
    except ValueError as error:
        raise DamagedError(f"{name}: is no JSON: {error}") from error


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
