"""Lets nginx skip an app server that fails: max_fails and fail_timeout on the servers of its upstream groups.

Reach for it where nginx balances over several app servers and one that is down should cost few requests: after
`max_fails` failures within `fail_timeout` nginx leaves that server out for `fail_timeout`. Where a server says nothing,
3 and 30s are written. A value that stands is kept and reported, unless a playbook or --set gives another one: then it
is replaced. Each worker counts for itself, unless the group has a `zone`; after POST, LOCK and PATCH nginx asks the
next server only if `proxy_next_upstream` says `non_idempotent`.

It never touches servers marked `backup` or `down`, nor groups of stream{}. It writes nothing where nginx would ignore
it: a group of one server is reported instead, and so is an address that stands in a *_pass itself. It never edits a
configuration that does not validate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.changes import nginx
from remediations.editors import nginx_time
from remediations.editors.nginx_edit import Splices, set_parameter
from remediations.editors.nginx_tree import NginxTree
from remediations.editors.nginx_upstreams import Upstream, UpstreamServer, pass_targets, upstreams
from remediations.findings import Finding
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "upstream-max-fails"
MAX_FAILS, FAIL_TIMEOUT = 3, "30s"


@dataclass(frozen=True)
class UpstreamMaxFails:
    """`upstreams` empty: every group of http{}. What is None is written only where nothing stands."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    upstreams: tuple[str, ...] = field(default=(), metadata={"help": "the groups to edit; empty: all of http{}"})
    max_fails: int | None = field(
        default=None,
        metadata={
            "help": f"failures until a server is left out; where not given, {MAX_FAILS} is written where none stands",
            "min": 0,
            "max": 1_000_000,
        },
    )
    fail_timeout: str | None = field(
        default=None,
        metadata={
            "help": "how long failures count and a server is left out, in whole seconds or as 1m; where not given, "
            f"{FAIL_TIMEOUT} is written where none stands",
        },
    )

    def __post_init__(self) -> None:
        if self.fail_timeout is not None and not nginx_time.seconds(self.fail_timeout):
            raise ValueError(f"fail_timeout: {self.fail_timeout!r} is no time of at least a second, such as 30s or 1m")

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        del findings  # what stands in the files decides
        if snapshot.nginx is None:
            return Proposal(notes=("nginx is not installed",))
        refusals = nginx.refusals(snapshot) or self._unknown_groups(nginx.known_tree(snapshot))
        if refusals:
            return Proposal(refusals=refusals)
        return self._propose(snapshot, nginx.known_tree(snapshot))

    def _unknown_groups(self, tree: NginxTree) -> tuple[str, ...]:
        there = [group.name for group in upstreams(tree)]
        allowed = ", ".join(there) or "there is none"
        return tuple(
            f"upstream {name}: no such group in http{{}} of {tree.main}; groups: {allowed}"
            for name in self.upstreams
            if name.lower() not in map(str.lower, there)
        )

    def _propose(self, snapshot: Snapshot, tree: NginxTree) -> Proposal:
        shared = tuple(self._shared(snapshot, tree))
        if shared:
            return Proposal(refusals=shared)
        groups = self._chosen(tree)
        told = [_Group(self, snapshot, group) for group in groups]
        files = nginx.edited(snapshot, ID, (edit for each in told for edit in each.edits()))
        return Proposal(
            files=files,
            actions=nginx.reload(snapshot, ID, files),
            notes=(*(note for each in told for note in each.notes()), *_implicit(snapshot, tree)),
            warnings=tuple(warning for each in told for warning in each.warnings()),
        )

    def _chosen(self, tree: NginxTree) -> tuple[Upstream, ...]:
        wanted = [name.lower() for name in self.upstreams]
        return tuple(group for group in upstreams(tree) if not wanted or group.name.lower() in wanted)

    def _shared(self, snapshot: Snapshot, tree: NginxTree) -> Iterator[str]:
        """Servers in an included file belong to every group that includes it."""
        chosen = self._chosen(tree)
        others = [group for group in upstreams(tree) if group not in chosen]
        for group in chosen:
            places = {nginx.place(snapshot, server.node) for server in group.servers}
            for other in others:
                if places & {nginx.place(snapshot, server.node) for server in other.servers}:
                    yield f"upstream {group.name}: shares included servers with {other.name}; name both or none"


@dataclass(frozen=True)
class _Group:
    """One group: what to write in it and what to say about it."""

    wanted: UpstreamMaxFails
    snapshot: Snapshot
    group: Upstream

    def edits(self) -> Iterator[nginx.Edit]:
        for server in self._counted():
            yield server.node.file, self._splices(server)

    def _splices(self, server: UpstreamServer) -> Splices:
        """Both parameters in one go: what is appended twice at one offset keeps its order."""
        stands, wanted = server.parameters, self.wanted
        splices: Splices = ()
        if not _holds(stands.get("max_fails"), wanted.max_fails):
            value = MAX_FAILS if wanted.max_fails is None else wanted.max_fails
            splices += set_parameter(server.node.directive, "max_fails", str(value))
        if not _lasts(stands.get("fail_timeout"), wanted.fail_timeout):
            splices += set_parameter(server.node.directive, "fail_timeout", _timed(wanted.fail_timeout or FAIL_TIMEOUT))
        return splices

    def notes(self) -> Iterator[str]:
        """Values that stand and stay."""
        for server in self._counted():
            for name, value in (("max_fails", MAX_FAILS), ("fail_timeout", FAIL_TIMEOUT)):
                stands = server.parameters.get(name)
                if stands is not None and getattr(self.wanted, name) is None and stands != str(value):
                    yield f"{self._at(server)} keeps {name}={stands}"
        for server in self.group.servers:
            if server.backup or server.down:
                yield f"{self._at(server)} is marked {'backup' if server.backup else 'down'} and is left alone"

    def warnings(self) -> Iterator[str]:
        if self._single():
            yield (
                f"upstream {self.group.name} ({nginx.shown(self.snapshot, self.group.node)}) has one server only: "
                "nginx ignores max_fails and fail_timeout there, so nothing is written"
            )
        elif len(self._main_servers()) == 1 and not any(server.backup for server in self.group.servers):
            server = self._main_servers()[0]
            yield (
                f"{self._at(server)} is the group's only server: max_fails has an effect only where that name has "
                "more than one address"
            )
        elif len(self._counted()) == 1 and not any(server.backup for server in self.group.servers):
            yield f"{self._at(self._counted()[0])} is the only one up: while nginx leaves it out the answer is 502"
        for server in self._counted():
            if self.wanted.max_fails is None and server.parameters.get("max_fails") == "0":
                yield f"{self._at(server)} keeps max_fails=0: nginx never leaves it out, however often it fails"

    def _main_servers(self) -> tuple[UpstreamServer, ...]:
        return tuple(server for server in self.group.servers if not server.backup)

    def _single(self) -> bool:
        """nginx's own rule: one address, backups not counted, and no backup; a name may have several addresses."""
        servers = self.group.servers
        if len(servers) != 1:
            return False
        return servers[0].address is None or servers[0].address.is_literal

    def _counted(self) -> tuple[UpstreamServer, ...]:
        """The servers whose failures nginx counts."""
        if self._single():
            return ()
        return tuple(server for server in self._main_servers() if not server.down)

    def _at(self, server: UpstreamServer) -> str:
        return f"upstream {self.group.name}: {server.text} ({nginx.shown(self.snapshot, server.node)})"


def _implicit(snapshot: Snapshot, tree: NginxTree) -> Iterator[str]:
    """An address in a *_pass is a group of its own that cannot carry parameters."""
    for target in pass_targets(tree):
        if target.address is not None:
            where = nginx.shown(snapshot, target.node)
            yield f"{where}: {target.node.name} leads to {target.address} without a group: nothing to write there"


def _holds(stands: str | None, wanted: int | None) -> bool:
    return stands is not None and (wanted is None or (stands.isdecimal() and int(stands) == wanted))


def _lasts(stands: str | None, wanted: str | None) -> bool:
    """The same time in other words stays as it is."""
    return stands is not None and (wanted is None or nginx_time.seconds(stands) == nginx_time.seconds(wanted))


def _timed(text: str) -> str:
    return f"{text}s" if text.isdigit() else text
