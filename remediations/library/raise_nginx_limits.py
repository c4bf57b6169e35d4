"""Gives nginx's workers more connections and more files: worker_connections, worker_rlimit_nofile, and a reload.

Reach for it where nginx logs `worker_connections are not enough` or `Too many open files` and the number of visitors
is meant to be that large. A request that is passed on takes two connections and as many files: workers may open
twice as many files as they may hold connections.

It never lowers a value, and where nginx has that much already it leaves the rest to a person: a flood of requests or a
slow backend eats any number. It never asks for more files than the unit's LimitNOFILE allows, never restarts nginx, and
edits no configuration that does not validate. It acts on a finding alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.changes import nginx
from remediations.editors.nginx import parse, whole
from remediations.editors.nginx_edit import add_before, add_to_block, set_arguments
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.host import topology
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "raise-nginx-limits"
CONNECTIONS, FILES = "worker_connections", "worker_rlimit_nofile"
UNSAID = 512
"""So many connections a worker may hold where nothing is said."""
FEWEST_FILES = 8192
"""Less is not worth a second visit; a file that may be opened costs nothing."""
EATEN = "a flood of requests or a slow backend eats any number: see the access log before you go beyond"


@dataclass(frozen=True)
class _Now:
    """What holds now, 0 of `files` where that is not known; `most` files are what the unit allows, where it says so."""

    connections: int
    files: int
    most: int | None


@dataclass(frozen=True)
class RaiseNginxLimits:
    """`connections` a worker is to be allowed; the files follow from them."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    connections: int = field(
        default=4096, metadata={"help": "connections a worker may hold", "min": 512, "max": 262_144}
    )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        causes = {finding.cause for finding in findings if finding.remediation == ID}
        if not causes:
            return Proposal()
        if refusals := (*nginx.refusals(snapshot), *_other_user(snapshot)):
            return Proposal(refusals=refusals)
        tree = nginx.known_tree(snapshot)
        now = _now(snapshot, tree)
        connections, files = self._wanted(causes, now)
        edits = (*_connections(tree, now, connections), *_files(tree, now, files))
        changes = nginx.edited(snapshot, ID, edits)
        return Proposal(
            files=changes,
            actions=nginx.reload(snapshot, ID, changes),
            warnings=(EATEN,) if changes else (),
            refusals=tuple(self._refusals(causes, now, connections, files)),
        )

    def _wanted(self, causes: set[str], now: _Now) -> tuple[int, int]:
        """As many files as needed and allowed, and no more connections than these are good for."""
        connections = max(now.connections, self.connections if "worker-connections" in causes else 0)
        if not now.files:
            return connections, 0
        files = max(FEWEST_FILES, 2 * connections)
        if now.most is not None and files > now.most:
            files = now.most
            connections = max(now.connections, min(connections, files // 2))
        return connections, max(files, now.files)

    def _refusals(self, causes: set[str], now: _Now, connections: int, files: int) -> Iterator[str]:
        if not now.files:
            yield f"how many files nginx's workers may open is not known here: {FILES} is left alone"
        bounded = now.most is not None and files >= now.most
        beyond = (
            f"; LimitNOFILE={now.most} of nginx's unit allows no more files: raise it in a drop-in, then restart nginx"
            if bounded
            else ""
        )
        if "worker-connections" in causes and connections <= now.connections:
            yield f"{CONNECTIONS} is {now.connections} already{beyond or f'; {EATEN}: --set {ID}.connections=NUMBER'}"
        elif "nginx-file-limit" in causes and 0 < files <= now.files:
            yield f"nginx's workers may open {now.files} files already{beyond or ': see which they hold open'}"


def _other_user(snapshot: Snapshot) -> Iterator[str]:
    """Only root may allow its children more files than it has itself."""
    master = snapshot.live_nginx.master if snapshot.live_nginx else None
    process = None if isinstance(snapshot.processes, Unknown) else snapshot.processes.get(master or 0)
    if process and process.uid != 0:
        yield "nginx's master does not run as root: who starts it must allow it more files (ulimit -n)"


def _now(snapshot: Snapshot, tree: NginxTree) -> _Now:
    unit = topology.nginx_unit(snapshot)
    said = tree.root.named(FILES)
    own = _number(said[-1]) if said else None
    soft = unit.files_soft if unit and unit.files_soft else 0
    standing = _standing(tree)
    connections = _number(standing) if standing else None
    return _Now(connections or UNSAID, own or soft, unit.files_hard or None if unit else None)


def _number(node: Node) -> int | None:
    return int(node.args[0]) if node.args and node.args[0].isdecimal() else None


def _events(tree: NginxTree) -> Node | None:
    return next((node for node in tree.root.named("events") if node.is_block), None)


def _standing(tree: NginxTree) -> Node | None:
    events = _events(tree)
    return next(iter(events.named(CONNECTIONS)), None) if events else None


def _connections(tree: NginxTree, now: _Now, wanted: int) -> Iterator[nginx.Edit]:
    events, standing = _events(tree), _standing(tree)
    if events is None or wanted <= now.connections:
        return
    if standing:
        yield standing.file, set_arguments(tree.files[standing.file], standing.directive, (str(wanted),))
    else:
        yield events.file, add_to_block(tree.files[events.file], events.directive, [(CONNECTIONS, str(wanted))])


def _files(tree: NginxTree, now: _Now, wanted: int) -> Iterator[nginx.Edit]:
    events, said = _events(tree), tree.root.named(FILES)
    if events is None or wanted <= now.files:
        return
    if said:
        yield said[-1].file, set_arguments(tree.files[said[-1].file], said[-1].directive, (str(wanted),))
    else:
        data = tree.files[events.file]
        block = whole(data, parse(data, events.file))
        yield events.file, add_before(data, events.directive, block, [(FILES, str(wanted))])
