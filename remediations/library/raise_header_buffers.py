"""Gives nginx room for the head of a backend's response: PREFIX_buffer_size and PREFIX_buffers, always both together.

Reach for it where nginx logs `upstream sent too big header` and the cookies or redirects are meant to be that large.
Both are written where requests are passed to that backend: 8 of 64k, which each request under way may then take.

Where PREFIX_busy_buffers_size or PREFIX_temp_file_write_size holds and would be too small, it follows; gRPC has
grpc_buffer_size alone.

It never lowers a value, and where nginx has that much room already it leaves the rest to a person: then the head itself
is the fault. It never edits a directive in a file that other places may include, nor a configuration that does not
validate. It acts on a finding alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.changes import nginx
from remediations.editors.nginx_edit import add_before, set_arguments
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_tree import Node
from remediations.findings import Finding
from remediations.host import topology
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "raise-header-buffers"
PREFIXES = ("fastcgi", "proxy", "uwsgi", "scgi", "grpc")
BUFFERLESS = "grpc"
"""Its module knows the first buffer alone."""
NOT_SMALLER = ("busy_buffers_size", "temp_file_write_size")
"""What nginx wants to be no smaller than a buffer, and is twice that where nothing is said."""
PAGE = 4096
"""What nginx takes where nothing is said: one page of memory, 4k or 8k; the smaller is assumed."""

_SIZE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[kKmM]?)")


@dataclass(frozen=True)
class RaiseHeaderBuffers:
    """`size` is that of one buffer, in nginx's words; `number` how many a response may have."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    size: str = field(
        default="64k", metadata={"help": "size of a buffer, at most 1m", "pattern": r"[1-9][0-9]{0,2}[kK]|1[mM]"}
    )
    number: int = field(default=8, metadata={"help": "buffers a response", "min": 4, "max": 64})

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        subjects = tuple(finding.subject for finding in findings if finding.remediation == ID)
        if not subjects:
            return Proposal()
        if refusals := nginx.refusals(snapshot):
            return Proposal(refusals=refusals)
        found = {subject: tuple(_places(snapshot, subject)) for subject in subjects}
        unknown = [
            f"no *_pass of nginx's files names {subject}: write {self._words} where it is meant"
            for subject, places in found.items()
            if not places
        ]
        # Two servers of a group lead to the same *_pass.
        once = {nginx.place(snapshot, place.target): place for places in found.values() for place in places}
        refused = {place: self._refusal(snapshot, place) for place in once.values()}
        edits = (edit for place, refusal in refused.items() if not refusal for edit in self._edits(snapshot, place))
        files = nginx.edited(snapshot, ID, edits)
        said = (*unknown, *(refusal for refusal in refused.values() if refusal))
        return Proposal(files=files, actions=nginx.reload(snapshot, ID, files), refusals=said)

    @property
    def _words(self) -> str:
        return f"PREFIX_buffer_size {self.size} and PREFIX_buffers {self.number} {self.size}"

    def _refusal(self, snapshot: Snapshot, place: _Place) -> str | None:
        """Why nothing is written for this *_pass, though its responses' heads are too big."""
        where = nginx.shown(snapshot, place.target)
        standing = effective(place.block, f"{place.prefix}_buffer_size").nodes
        if standing and _bytes(standing[-1].args[0]) >= _bytes(self.size):
            return (
                f"{place.prefix}_buffer_size is {standing[-1].args[0]} for {where} already: see why the head is that "
                f"large; to give it more room: --set {ID}.size=SIZE"
            )
        for name, _ in self._wanted(place):
            for node in place.block.named(name):
                if nginx.place(snapshot, node)[0] != nginx.place(snapshot, place.anchor)[0]:
                    return f"{name} for {where} stands in {nginx.shown(snapshot, node)}, which other places may include"
        return None

    def _wanted(self, place: _Place) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Both directives, as they are to hold there; what holds there and is larger stays so."""
        first = (f"{place.prefix}_buffer_size", (self.size,))
        if place.prefix == BUFFERLESS:
            return (first,)
        number, size = self.number, self.size
        holding = effective(place.block, f"{place.prefix}_buffers").nodes
        if holding and len(holding[-1].args) == 2 and holding[-1].args[0].isdecimal():
            number = max(number, int(holding[-1].args[0]))
            size = max(size, holding[-1].args[1], key=_bytes)
        largest = max(self.size, size, key=_bytes)
        return first, (f"{place.prefix}_buffers", (str(number), size)), *_following(place, largest)

    def _edits(self, snapshot: Snapshot, place: _Place) -> Iterator[nginx.Edit]:
        data = snapshot.files[place.anchor.file].data
        missing = []
        for name, args in self._wanted(place):
            if standing := place.block.named(name):
                yield place.anchor.file, set_arguments(data, standing[-1].directive, args)
            else:
                missing.append((name, *args))
        yield place.anchor.file, add_before(data, place.anchor.directive, place.block.directive, missing)


def _following(place: _Place, size: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What holds there and would be smaller than a buffer: nginx refuses that."""
    for name in (f"{place.prefix}_{each}" for each in NOT_SMALLER):
        holding = effective(place.block, name).nodes
        if holding and _bytes(holding[-1].args[0]) < _bytes(size):
            yield name, (f"{2 * _bytes(size) >> 10}k",)


@dataclass(frozen=True, eq=False)
class _Place:
    """A *_pass, the location or server that it is in, and what stands directly in that: itself or an `if` around it."""

    target: Node
    block: Node
    anchor: Node

    @property
    def prefix(self) -> str:
        return self.target.name.removesuffix("_pass")


def _places(snapshot: Snapshot, subject: str) -> Iterator[_Place]:
    """Where requests are passed to the address of that name, on this host or another."""
    for target in topology.targets_named(snapshot, subject):
        around = [target.node, *target.node.ancestors()]
        index = next((i for i, node in enumerate(around) if node.name in ("location", "server")), None)
        if target.node.name.removesuffix("_pass") in PREFIXES and index:
            yield _Place(target.node, around[index], around[index - 1])


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    factor = {"": 1, "k": 1 << 10, "m": 1 << 20}
    return int(match["number"]) * factor[match["unit"].lower()] if match else PAGE
