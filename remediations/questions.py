"""The questions put to a site: the one that the settings name, or those that follow from what nginx serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import urlsplit

from remediations.editors.nginx_address import Address
from remediations.editors.nginx_routes import (
    denied,
    limit_status,
    place_of,
    rejects_handshake,
    switched_off,
    turned_away,
)
from remediations.editors.nginx_servers import Listen, Server, servers
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.editors.nginx_upstreams import PassTarget, pass_targets
from remediations.facts.base import Unknown
from remediations.facts.http import Probe
from remediations.health_settings import HealthSettings
from remediations.host import freshness, topology
from remediations.host.front_doors import FrontDoors, Heard
from remediations.snapshot import Snapshot

MOST_PROBES = 32
"""A derived check asks at most this many questions, all at the same time: hundreds of curls would be a load."""

_LOCAL = {"*": "127.0.0.1", "::": "::1"}


ALSO_HTTP1 = (1, 25, 1)
"""Since that version nginx speaks HTTP/1 beside HTTP/2 without TLS; before, who speaks gRPC there knows no other."""


@dataclass(frozen=True)
class Questions:
    """What is asked, and how many questions more there would have been."""

    probes: tuple[Probe, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Site:
    """A server that answers, where and under which name; `live` where nginx has read its file since it last changed."""

    server: Server
    listen: Listen
    name: str
    ssl: bool
    live: bool

    @property
    def address(self) -> Address:
        """Where the host itself reaches it."""
        address = self.listen.address
        return replace(address, host=_LOCAL.get(address.host, address.host))

    @property
    def client(self) -> str:
        """As whom nginx sees the host that asks itself: at a host's own address it is that address."""
        return self.address.path or self.address.host


def questions(settings: HealthSettings, snapshot: Snapshot) -> Questions:
    """Linear in the size of the configuration: a host may have thousands of sites."""
    if settings.also is None:
        return _asked(settings, snapshot)
    first, rest = at_origin(settings.also, settings, snapshot), _asked(settings, snapshot)
    others = tuple(probe for probe in rest.probes if (probe.url, probe.connect) != (first.url, first.connect))
    return Questions((first, *others), rest.left_out)


def at_origin(url: str, settings: HealthSettings, snapshot: Snapshot) -> Probe:
    """What visitors ask, put to the server of this host that is meant for it; TLS may end before the host."""
    parts = urlsplit(url)
    tls, port = parts.scheme == "https", parts.port or (443 if parts.scheme == "https" else 80)
    doors = _doors_for(parts.hostname or "", snapshot)
    wanted = sorted(doors, key=lambda door: (door[1] != tls, door[0].port != port))
    address, speaks_tls = wanted[0] if wanted else (Address("127.0.0.1", port), tls)
    local = replace(address, host=_LOCAL.get(address.host, address.host))
    asked = parts._replace(scheme="https" if speaks_tls else "http").geturl()
    return _probe(asked, settings, local.path or str(local))


def _doors_for(name: str, snapshot: Snapshot) -> list[tuple[Address, bool]]:
    """Where a server of that name listens, and whether with TLS; where none has it, every default server."""
    if isinstance(snapshot.nginx_tree, Unknown):
        return []
    doors = FrontDoors.of(snapshot.nginx_tree)
    above = f"*.{name.partition('.')[2]}"
    found = [address for address, known in doors.names if known in (name.lower(), above.lower())]
    return [(address, address in doors.tls) for address in found or doors.defaults]


def _asked(settings: HealthSettings, snapshot: Snapshot) -> Questions:
    tree = snapshot.nginx_tree
    if settings.url is not None:
        probe = Probe(settings.url, settings.host, None, settings.status, settings.contains, settings.timeout)
        return Questions((probe,))
    if isinstance(tree, Unknown) or not servers(tree):
        return Questions((_probe("http://localhost/", settings),))
    return _Derivation(tree, snapshot, settings).questions


@dataclass(frozen=True)
class _Derivation:
    tree: NginxTree
    snapshot: Snapshot
    settings: HealthSettings

    @property
    def questions(self) -> Questions:
        """In the order of the configuration, first pages first; those that must be asked win the room there is."""
        pages = [probe for site in self.sites.values() if (probe := self._first_page(site))]
        deep = list(self._backend_pages())
        every = {(probe.url, probe.connect): probe for probe in (*pages, *(probe for _, probe in deep))}
        chosen = set(list(self._by_need(pages, deep))[:MOST_PROBES])
        return Questions(tuple(probe for key, probe in every.items() if key in chosen), len(every) - len(chosen))

    def _by_need(self, pages: list[Probe], deep: list[tuple[PassTarget, Probe]]) -> dict[tuple[str, str | None], None]:
        """One for each distinct backend, those first behind which nobody listens; the first pages; the rest."""
        firsts: dict[object, tuple[PassTarget, Probe]] = {}
        for target, probe in sorted(deep, key=lambda each: each[1].limit is not None):
            firsts.setdefault(_backend(target), (target, probe))
        ordered = sorted(firsts.values(), key=lambda each: not self._is_deaf(each[0]))
        probes = (*(probe for _, probe in ordered), *pages, *(probe for _, probe in deep))
        return dict.fromkeys((probe.url, probe.connect) for probe in probes)

    @cached_property
    def heard(self) -> Heard | None:
        return None if isinstance(self.snapshot.sockets, Unknown) else Heard.of(self.snapshot.sockets)

    @cached_property
    def sites(self) -> Mapping[Node, Site]:
        """By their `server` blocks. Where nothing that is configured is live, all of it counts."""
        found = list(self._sites())
        if not any(site.live for site in found):
            found = [replace(site, live=True) for site in found]
        return {site.server.node: site for site in found}

    def _sites(self) -> Iterator[Site]:
        doors = FrontDoors.of(self.tree)
        nginx = self.snapshot.live_nginx
        old = nginx is not None and _numbers(nginx.version) < ALSO_HTTP1
        heard = self.heard if nginx and nginx.master else None
        if heard and not any(heard.at(address) for address in doors.defaults):
            heard = None  # nginx serves nothing of this at all: then the refused connection is the truth
        since = freshness.nginx_serves_since(self.snapshot)
        for server, listens in doors.servers:
            spoken = [one for one in listens if not (old and one.address in doors.http2_alone)]
            name_at = ((listen, doors.name_of(server, listen.address)) for listen in _usable(server, spoken, heard))
            listen, name = next(((listen, name) for listen, name in name_at if name), (None, None))
            if listen and name:
                file = self.snapshot.files.get(server.node.file)
                newer = since is not None and file is not None and file.changed > since + freshness.CLOCK_SECONDS
                yield Site(server, listen, name, listen.address in doors.tls, not newer)

    def _first_page(self, site: Site) -> Probe | None:
        place = place_of(site.server.node, "/")
        if turned_away(site.server.node) or turned_away(place) or denied(place, site.client):
            return None
        limits = (limit_status(each) for each in (place, *_taken_over(site.server)))
        return self._ask(site, "/", place, next((limit for limit in limits if limit), None))

    def _backend_pages(self) -> Iterator[tuple[PassTarget, Probe]]:
        """A `return` of the server comes before every location."""
        for target in pass_targets(self.tree):
            around = target.node.enclosing("server")
            site, place = self.sites.get(around) if around else None, target.location
            path = place.literal_path if place else None
            if not site or not place or not path or site.server.node.named("return"):
                continue
            if not place.node.named("return") and not denied(place.node, site.client):
                yield target, self._ask(site, path, place.node, limit_status(place.node))

    def _ask(self, site: Site, path: str, place: Node, limit: int | None) -> Probe:
        url = f"{'https' if site.ssl else 'http'}://{site.name}{path}"
        probe = _probe(url, self.settings, site.address.path or str(site.address))
        off = switched_off(site.server.node) or switched_off(place)
        return replace(probe, limit=limit, live=site.live, switched_off=off)

    def _is_deaf(self, target: PassTarget) -> bool:
        """Nobody listens at any of its addresses, as far as this host can tell."""
        heard, addresses = self.heard, target.addresses
        known = heard is not None and all(topology.is_local(self.snapshot, address) for address in addresses)
        return bool(heard and known and addresses and not any(heard.at(address) for address in addresses))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _usable(server: Server, listens: Sequence[Listen], heard: Heard | None) -> Iterator[Listen]:
    """Where curl can ask: no proxy_protocol, no QUIC, no rejected handshake, and somebody listens there."""
    rejects = rejects_handshake(server.node)
    for listen in listens:
        spoken = listen.node is None or not {"proxy_protocol", "quic"} & set(listen.node.args)
        if spoken and not (rejects and listen.ssl) and (heard is None or heard.at(listen.address)):
            yield listen


def _taken_over(server: Server) -> Iterator[Node]:
    """The locations that `index` or `try_files` hands a first page to, under whose limit it then falls too."""
    for location in server.locations:
        if location.modifier == "@" or location.literal_path == "/index.php":
            yield location.node


def _backend(target: PassTarget) -> object:
    return target.upstream.node if target.upstream else target.address or target.variable


def _probe(url: str, settings: HealthSettings, connect: str | None = None) -> Probe:
    host = settings.host
    return Probe(url, host, connect, settings.status, settings.contains, settings.timeout, derived=True)
