"""`diagnose --save`: the masked evidence of a run, kept in one file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from remediations import diagnosis, masking
from remediations.bundle import evidence
from remediations.bundle.evidence import Absent, Bundle
from remediations.bundle.masked import masked
from remediations.bundle.typed import DamagedError
from remediations.errors import UsageError
from remediations.findings import Finding
from remediations.result import HostResult
from remediations.snapshot import Snapshot

MOST_NAMED = 3

Save = Callable[[bytes], None]
"""Puts the whole file in its place, once. Raises OSError where that fails; the place then holds what it held before."""


@contextmanager
def opened(path: Path) -> Iterator[Save]:
    """A file beside the one that is meant, for its owner alone; raises UsageError where there can be none."""
    place = Path(os.path.realpath(path))  # a link stays a link
    try:
        _refuse_others(place)
        number, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:100]}.")
    except OSError as error:
        raise UsageError(f"--save {path}: {error.strerror}") from error
    with open(number, "wb") as file:

        def save(data: bytes) -> None:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(name, place)

        try:
            yield save
        finally:
            with contextlib.suppress(FileNotFoundError):  # in its place
                os.unlink(name)


def _refuse_others(place: Path) -> None:
    """What is there may be replaced where it is a file that one could write: never /dev/null, a pipe, a folder."""
    try:
        kind = place.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(0, "Is a directory")
    if not stat.S_ISREG(kind):
        raise OSError(0, "is no plain file")
    if not os.access(place, os.W_OK):
        raise PermissionError(0, "Permission denied")


def keep(
    save: Save, run: str, results: Sequence[HostResult], known: Mapping[str, Snapshot], report: str
) -> Iterator[str]:
    """Saves what is known of the hosts of a run, and yields what a person should know of it. Raises OSError."""
    kept = Bundle(_version(), run, int(time.time()), tuple(_kept(one, known.get(one.host)) for one in results))
    try:
        save(evidence.pack(kept, report))
    except (DamagedError, ValueError) as error:  # ValueError: a host may call its time "nan", which JSON cannot
        raise OSError(str(error)) from error
    names = [one.host for one in kept.hosts if isinstance(one, Snapshot)]
    who = ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} hosts"
    yield f"holds the evidence of {who or 'no host, and why'}, secrets masked"
    yield from _differences(results, kept)


def _kept(result: HostResult, snapshot: Snapshot | None) -> Snapshot | Absent:
    """Of a host that did not answer: why."""
    if snapshot is not None:
        return masked(snapshot)
    return Absent(masking.text(result.host), result.status, masking.text(result.error or "it was not asked"))


def _differences(results: Sequence[HostResult], kept: Bundle) -> Iterator[str]:
    """Where a bundle does not tell what its host told: a name that looks like a secret's may be that of a backend."""
    for one, result in zip(kept.hosts, results, strict=True):
        if isinstance(one, Snapshot) and _named(now := diagnosis.diagnose(one)) != _named(result.findings):
            causes = ", ".join(finding.cause for finding in now) or "nothing"
            yield f"{one.host}: since secrets are masked, --from will find {causes}; its report.txt is right"


def _named(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(one.cause, masking.text(one.subject), one.confidence) for one in findings]


def _version() -> str:
    try:
        return metadata.version("remediate")
    except metadata.PackageNotFoundError:
        return "of a checkout"
