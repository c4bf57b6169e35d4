"""One plan of limit-req in the making: each chosen place is left as it is, limited or refused, and it says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from remediations.changes import nginx
from remediations.changes.file import FileChange
from remediations.editors.nginx_edit import add_to_block, set_arguments
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.library._limit_places import chosen, health_paths, serves_only
from remediations.library._limit_zone import LimitZone, is_ours, zone_names
from remediations.nginx import client_address
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "limit-req"

_SET_FIRST = (
    "set first, in http{}: `set_real_ip_from RANGE;` for each range of the proxy (127.0.0.1, ::1 or unix: if it runs "
    "on this host) and `real_ip_header X-Forwarded-For;` (CF-Connecting-IP behind Cloudflare); if no proxy stands "
    "there: behind_proxy=no"
)


class Wanted(Protocol):
    """What limit-req was told."""

    @property
    def servers(self) -> tuple[str, ...]: ...

    @property
    def locations(self) -> tuple[str, ...]: ...

    @property
    def rate(self) -> str: ...

    @property
    def burst(self) -> int: ...

    @property
    def nodelay(self) -> bool: ...

    @property
    def zone_size(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def by_address(self) -> bool: ...

    @property
    def status(self) -> int: ...

    @property
    def behind_proxy(self) -> str: ...


@dataclass(frozen=True)
class Draft:
    wanted: Wanted
    snapshot: Snapshot

    def proposal(self) -> Proposal:
        files = self._files()
        return Proposal(
            files=files,
            actions=nginx.reload(self.snapshot, ID, files),
            notes=tuple(dict.fromkeys(self._notes())),
            warnings=tuple(dict.fromkeys((*self._kept.values(), *self._warnings()))),
            refusals=tuple(self._refusals()),
        )

    # --- which places ------------------------------------------------------------------------------------------------

    @cached_property
    def _tree(self) -> NginxTree:
        return nginx.known_tree(self.snapshot)

    @cached_property
    def _places(self) -> tuple[Node, ...]:
        return chosen(self._tree, self.wanted.servers, self.wanted.locations)

    @cached_property
    def _kept(self) -> dict[nginx.Place, str]:
        """Places with a limit of somebody else's, their own or inherited, and what to say of them."""
        kept = {}
        for place in self._places:
            limits = effective(place, "limit_req")
            if limits and not any(map(is_ours, limits.nodes)):
                zones = ", ".join(f"zone {'/'.join(zone_names(node))} ({self._at(node)})" for node in limits.nodes)
                how = "inherits the limit of" if limits.inherited else "has a limit already:"
                kept[self._place(place)] = f"{self._at(place)} {how} {zones}; it is left as it is"
        return kept

    @cached_property
    def _health(self) -> tuple[str, ...]:
        return health_paths(self.snapshot)

    @cached_property
    def _open(self) -> tuple[Node, ...]:
        """Places for which there is something to write."""
        return tuple(
            place
            for place in self._places
            if self._place(place) not in self._kept
            and not any(serves_only(place, path) for path in self._health)
            and any(splices for _, splices in self._edits(place))
        )

    @cached_property
    def _proxied(self) -> dict[nginx.Place, str]:
        """Open places where a limit would hold for all clients of a proxy at once, and by what that is known."""
        return {self._place(place): why for place in self._open if (why := self._proxy(place))}

    @cached_property
    def _limited(self) -> tuple[Node, ...]:
        """What remains; whatever stands inside of another such place inherits from it."""
        left = [place for place in self._open if self._place(place) not in self._proxied]
        inside = [
            place for place in left if not place.named("limit_req") and not set(left).isdisjoint(place.ancestors())
        ]
        return tuple(place for place in left if place not in inside)

    def _proxy(self, place: Node) -> str | None:
        if not self.wanted.by_address or self.wanted.behind_proxy == "no" or client_address.real_ip_applies(place):
            return None
        if self.wanted.behind_proxy == "yes":
            return "behind_proxy=yes says so"
        return client_address.seen_proxy(self.snapshot, self._hints, place)

    @cached_property
    def _hints(self) -> tuple[client_address.Hint, ...]:
        return client_address.hints(self._tree)

    # --- what to write -----------------------------------------------------------------------------------------------

    @cached_property
    def _zone(self) -> LimitZone:
        return LimitZone(self.snapshot, self.wanted.key, self.wanted.zone_size, self.wanted.rate)

    @cached_property
    def _arguments(self) -> tuple[str, ...]:
        """Of limit_req."""
        burst = (f"burst={self.wanted.burst}",) if self.wanted.burst else ()
        nodelay = ("nodelay",) if self.wanted.burst and self.wanted.nodelay else ()
        return (f"zone={self._zone.name}", *burst, *nodelay)

    def _edits(self, place: Node) -> Iterator[nginx.Edit]:
        """`limit_req`, and `limit_req_status` where no level says anything; what is inherited from us is enough."""
        if effective(place, "limit_req").inherited:
            return
        mine = self._mine(place)
        for node in mine:
            if set(node.args) != set(self._arguments):
                yield node.file, set_arguments(self._tree.files[node.file], node.directive, self._arguments)
        missing = [] if mine else [("limit_req", *self._arguments)]
        if not effective(place, "limit_req_status"):
            missing.append(("limit_req_status", str(self.wanted.status)))
        yield place.file, add_to_block(self._tree.files[place.file], place.directive, missing)

    def _mine(self, place: Node) -> tuple[Node, ...]:
        """The place's own limit of ours."""
        return tuple(filter(is_ours, place.named("limit_req")))[:1]

    def _files(self) -> tuple[FileChange, ...]:
        edits = [edit for place in self._limited for edit in self._edits(place)]
        if not self._limited and not self._zone.used:
            return ()
        rewritten = [self._place(node) for place in self._limited for node in self._mine(place)]
        zone = self._zone.edits(rewritten)
        created = (self._zone.creation(ID),) if zone is None else ()
        return (*created, *nginx.edited(self.snapshot, ID, [*(zone or ()), *edits]))

    # --- what to say -------------------------------------------------------------------------------------------------

    def _notes(self) -> Iterator[str]:
        if not self._places:
            yield "no location passes to a backend"
        for place in self._places:
            for path in self._health:
                if serves_only(place, path):
                    yield f"{self._at(place)} matches nothing but the health path {path}: it is not limited"
        for place in self._limited:
            for node in effective(place, "limit_req_status").nodes:
                if node.args != (str(self.wanted.status),):
                    yield f"{self._at(place)} keeps limit_req_status {' '.join(node.args)} ({self._at(node)})"
            yield from self._notes_inside(place)

    def _notes_inside(self, place: Node) -> Iterator[str]:
        """What a limit of a whole server, or of a location with others inside, does to these."""
        for inner in place.walk():
            if inner is place:
                continue
            if inner.named("limit_req"):
                yield f"{self._at(inner)} keeps its own limit"
            for path in self._health:
                if serves_only(inner, path):
                    yield f"{self._at(inner)} matches the health path {path} and falls under the limit around it"

    def _warnings(self) -> Iterator[str]:
        yield from self._doubts()
        for place in self._limited:
            for node in effective(place, "limit_req_dry_run").nodes:
                if node.args == ("on",):
                    yield f"{self._at(place)}: limit_req_dry_run is on ({self._at(node)}): nobody is limited"
        yield from self._shared()
        for place in self._standing():
            why = self._proxy(place)
            if why:
                yield f"{self._at(place)} is limited, but {why}: all clients share one limit; {_SET_FIRST}"

    def _doubts(self) -> Iterator[str]:
        """What the access logs say, or cannot say, about those that count by address."""
        if not self.wanted.by_address or self.wanted.behind_proxy != "auto":
            return
        bare = [place for place in self._limited if not client_address.real_ip_applies(place)]
        doubt = client_address.doubt(self.snapshot.peers)
        if bare and doubt and client_address.told(self.snapshot) is None:
            yield f"{doubt}: if a proxy stands before nginx, all its clients share one limit"
        proxy = client_address.logged(self.snapshot.peers)
        if proxy and len(bare) < len(self._limited) and client_address.told(self.snapshot) is None:
            yield f"real_ip settings apply, and yet {proxy}: does set_real_ip_from name all of the proxy's ranges?"

    def _shared(self) -> Iterator[str]:
        """A file that several servers include is limited in all of them."""
        limited = {self._place(place): place for place in self._limited}
        for node in self._tree.walk():
            place = limited.get(self._place(node)) if node.is_block else None
            if place is not None and node.parent is not None and node not in self._places:
                around = f"the {node.parent.name} at {self._at(node.parent)}"
                yield f"{self._at(place)} stands in an included file: {around} includes it, too, and is limited there"

    def _standing(self) -> Iterator[Node]:
        """Places with a limit of ours that needs no change."""
        left = set(self._open)
        ours = (place for place in self._places if any(map(is_ours, effective(place, "limit_req").nodes)))
        return (place for place in ours if place not in left)

    def _refusals(self) -> Iterator[str]:
        """One for each thing by which a proxy is known."""
        for why in dict.fromkeys(self._proxied.values()):
            places = (place for place in self._open if self._proxied.get(self._place(place)) == why)
            where = ", ".join(dict.fromkeys(map(self._at, places)))
            yield f"{where}: not limited, since all clients would share one limit: {why}; {_SET_FIRST}"

    def _place(self, node: Node) -> nginx.Place:
        return nginx.place(self.snapshot, node)

    def _at(self, node: Node) -> str:
        return nginx.shown(self.snapshot, node)
