"""Disks: a file system that those who serve the site write to has no room, or no inode, left."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediations import health, sizes
from remediations.facts.base import Unknown
from remediations.facts.disks import Disk, Disks, Held
from remediations.facts.units import Unit
from remediations.findings import Evidence, Finding
from remediations.host import databases, freshness, places, topology
from remediations.host.places import Place
from remediations.nginx import complaints
from remediations.snapshot import Snapshot

FULL_BYTES = 16 << 20
"""So little is soon gone, and what a program frees where it fails to write is free when we look."""
FULL_PERCENT = 99
FEW_INODES = 16
MOST_LINES = 3

_NO_SPACE = re.compile(r"No space left on device|Errcode: 28\b|errno: 28\b|Disk is full writing")
_WHERE = re.compile(r"[\"'( ](/[^\s\"',()]+)[^/\n]{0,40}(?:No space left|Errcode: 28|errno: 28)")
_KILLED = ("9", "15")


@dataclass(frozen=True)
class Said:
    """A fresh line of somebody who could not write; `path` where it says whither."""

    evidence: Evidence
    path: str | None


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """disk-full and inodes-full, once a file system on which the site depends."""
    disks = snapshot.disks
    if isinstance(disks, Unknown):
        return
    lines = list(_said(snapshot))
    bad = _is_bad(snapshot)
    for disk, kept in _concerned(snapshot, disks).items():
        about = [one for one in lines if one.path is None or disks.under(one.path) in (disk, None)]
        if few_inodes(disk):
            yield _inodes(snapshot, disks, disk, kept, about)
        elif is_full(disk) or (bad and any(one.path and disks.under(one.path) == disk for one in about)):
            yield _full(snapshot, disks, disk, kept, about)


def is_full(disk: Disk) -> bool:
    return disk.percent >= FULL_PERCENT and disk.free < FULL_BYTES


def few_inodes(disk: Disk) -> bool:
    return disk.inodes > 0 and disk.inodes_free <= min(FEW_INODES, disk.inodes // 10)


def _concerned(snapshot: Snapshot, disks: Disks) -> dict[Disk, tuple[Place, ...]]:
    """The file systems on which the site's places lie; what else is full, such as a backup's, is no concern here."""
    found: dict[Disk, tuple[Place, ...]] = {}
    for place in places.written(snapshot):
        if disk := disks.under(place.path):
            found[disk] = (*found.get(disk, ()), place)
    return found


def _full(
    snapshot: Snapshot, disks: Disks, disk: Disk, kept: Sequence[Place], lines: Sequence[Said]
) -> Finding:  # fmt: skip
    now = is_full(disk)
    what = "is full" if now else "was full when somebody wrote to it"
    df = f"{sizes.said(disk.free)} of {sizes.said(disk.used + disk.free)} free ({disk.percent} %)"
    largest = (one for one in disks.largest if disks.under(one.path) == disk)
    deleted = [one for one in disks.deleted if disks.under(one.path) == disk][:MOST_LINES]
    return Finding(
        "disk-full",
        disk.mount,
        "certain" if now else "likely",
        f"{disk.mount} {what}: {df}{_consequence(kept)}",
        (
            Evidence("df", f"{disk.mount}: {df}, {disk.kind}"),
            *_evidence(lines),
            *map(_big, largest),
            *map(_open, deleted),
        ),
        None,
        _advice(disk, kept, deleted=bool(deleted)),
        aside=not _explains(snapshot, kept, lines),
    )


def _big(file: Held) -> Evidence:
    return Evidence(f"file:{file.path}", f"holds {sizes.said(file.size)}")


def _open(file: Held) -> Evidence:
    return Evidence("process", f"{file.name} (pid {file.pid}) holds {file.path} open, deleted: {sizes.said(file.size)}")


def _inodes(
    snapshot: Snapshot, disks: Disks, disk: Disk, kept: Sequence[Place], lines: Sequence[Said]
) -> Finding:  # fmt: skip
    df = f"{disk.inodes_free} of {disk.inodes} inodes free"
    crowded = [(folder, count) for folder, count in disks.crowded if disks.under(folder) == disk]
    mount = shlex.quote(disk.mount)
    return Finding(
        "inodes-full",
        disk.mount,
        "certain",
        f"{disk.mount} has room but cannot hold one more file: {df}{_consequence(kept)}",
        (
            Evidence("df", f"{disk.mount}: {df}, {disk.kind}"),
            *_evidence(lines),
            *(Evidence(f"file:{folder}", f"holds {count} entries") for folder, count in crowded),
        ),
        None,
        f"See where the many small files lie: find {mount} -xdev -printf '%h\\n' | sort | uniq -c | sort -n | tail "
        "(old sessions, caches, a mail queue). Delete only what its owner agrees to, by its own tool where it has one; "
        "df -i shows the effect. Truncating files frees no inode.",
        aside=not _explains(snapshot, kept, lines),
    )


def _evidence(lines: Sequence[Said]) -> tuple[Evidence, ...]:
    return tuple(one.evidence for one in lines[-MOST_LINES:])


def _consequence(kept: Sequence[Place]) -> str:
    """What lies there, and that logs which cannot be written say nothing."""
    whats = list(dict.fromkeys(place.what for place in kept if place.what != "/"))
    lies = f"; there lie {', '.join(whats)}" if whats else ""
    return lies + ("; what should be logged now is lost, so an empty log proves nothing" if _logs(kept) else "")


def _logs(kept: Sequence[Place]) -> bool:
    return any(place.what == places.LOGS for place in kept)


def _advice(disk: Disk, kept: Sequence[Place], *, deleted: bool) -> str:
    mount = shlex.quote(disk.mount)
    held = (
        "The deleted file is freed when who holds it open reopens its logs (nginx -s reopen) or is restarted."
        if deleted
        else f"Deleted files that are still open: lsof +L1 {mount}."
    )
    logs = (
        " To delete a log that is open frees nothing; if nobody needs them: truncate -s 0 FILE, and for the journal "
        "journalctl --vacuum-size=200M."
        if _logs(kept)
        else ""
    )
    return (
        f"See what fills it: du -xh {mount} | sort -h | tail -20. {held}{logs} Delete only what its owner agrees to, "
        "never a database's files. Restart nothing before there is room."
    )


def _explains(snapshot: Snapshot, kept: Sequence[Place], lines: Sequence[Said]) -> bool:
    """Whether it is why something is bad now: somebody says so, or the database whose data lie there has failed."""
    if not _is_bad(snapshot):
        return False
    folders = {place.path for place in kept}
    died = (one for one in databases.servers(snapshot) if one.unit.active_state == "failed" and one.folder in folders)
    by_itself = (one.unit for one in died if one.unit.exec_status not in _KILLED and one.unit.result != "oom-kill")
    return bool(lines) or any(by_itself)


def _said(snapshot: Snapshot) -> Iterator[Said]:
    """The fresh lines of nginx, PHP-FPM and the units concerned, of writes that failed for want of space."""
    records = list(complaints.fresh(snapshot, of_apps=True)) or list(complaints.recent(snapshot))
    for record in records:
        if _NO_SPACE.search(record.message):
            yield _line(record.source, record.text, record.message)
    since = snapshot.machine.now - freshness.RECENT_SECONDS
    names = {unit.name for unit in _units(snapshot)}
    journal = () if isinstance(snapshot.journal, Unknown) else snapshot.journal
    for line in journal:
        if line.unit in names and line.time >= since and _NO_SPACE.search(line.message):
            text = f"{freshness.clock(snapshot.machine, line.time)} {line.message}"
            yield _line(f"journal:{line.unit}", text, line.message)


def _line(source: str, text: str, message: str) -> Said:
    match = _WHERE.search(message)
    return Said(Evidence(source, text.partition("\n")[0]), match[1] if match else None)


def _units(snapshot: Snapshot) -> tuple[Unit, ...]:
    return (*topology.web_units(snapshot), *(server.unit for server in databases.servers(snapshot)))


def _is_bad(snapshot: Snapshot) -> bool:
    """Whether something is wrong now: the site, or one of those who serve it."""
    ill = any(unit.active_state in ("failed", "activating") for unit in _units(snapshot))
    return ill or health.judge(snapshot.answers).ok is False
