"""Where nginx's servers are reached: who answers at an address under a name, and whether anybody listens there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediations.editors.nginx_address import Address
from remediations.editors.nginx_servers import Listen, Server, servers
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.facts.sockets import Sockets
from remediations.host import listening

_EVERY_HOST = frozenset({"*", "0.0.0.0", "::"})  # noqa: S104 - compared with what ss prints, nothing is bound


@dataclass(frozen=True)
class FrontDoors:
    """All servers at once, so that a question about one of them does not walk through the others."""

    servers: tuple[tuple[Server, tuple[Listen, ...]], ...]
    names: Mapping[tuple[Address, str], Node]
    defaults: Mapping[Address, Node]
    tls: frozenset[Address]
    http2_alone: frozenset[Address] = frozenset()
    """Where an nginx that is not new understands HTTP/2 only: without TLS nobody agrees on it first."""

    @classmethod
    def of(cls, tree: NginxTree) -> FrontDoors:
        """Of two servers with one name nginx takes the first; `ssl` of one listen holds for all at that address."""
        found = tuple((server, server.listens) for server in servers(tree))
        names: dict[tuple[Address, str], Node] = {}
        firsts: dict[Address, Node] = {}
        marked: dict[Address, Node] = {}
        for server, listens in found:
            for listen in listens:
                firsts.setdefault(listen.address, server.node)
                if listen.default_server:
                    marked.setdefault(listen.address, server.node)
                for name in (*server.literal_names, *server.names):
                    names.setdefault((listen.address, name.lower()), server.node)
        tls = frozenset(listen.address for _, listens in found for listen in listens if listen.ssl)
        http2 = frozenset(
            one.address for _, listens in found for one in listens if one.node and "http2" in one.node.args
        )
        return cls(found, names, {**firsts, **marked}, tls, http2 - tls)

    def serves(self, name: str, port: str) -> bool:
        """Whether any server is meant for this name at this port (or unix socket)."""
        at = [server for server, listens in self.servers if port in {_port(listen.address) for listen in listens}]
        names = {each.lower() for server in at for each in (*server.literal_names, *server.names)}
        wanted = {name.lower(), f"*{name.lower().removeprefix('www')}"}
        return bool(at) and (name in ("localhost", "_") or bool(wanted & names))

    def name_of(self, server: Server, address: Address) -> str | None:
        """A name under which this server answers there; None where another one would."""
        return next((name for name in self._candidates(server, address) if self._answers(server, address, name)), None)

    def _candidates(self, server: Server, address: Address) -> Iterator[str]:
        yield from server.literal_names
        if self.defaults[address] is server.node:
            yield "localhost"
        yield "_"
        yield from (f"www{name[1:]}" for name in server.names if name.startswith("*."))

    def _answers(self, server: Server, address: Address, name: str) -> bool:
        named = self.names.get((address, name.lower()))
        if named is None and name.startswith("www."):
            named = self.names.get((address, "*" + name.removeprefix("www")))
        return (named or self.defaults[address]) is server.node


@dataclass(frozen=True)
class Heard:
    """The addresses at which somebody listens: hosts by port, and unix sockets."""

    hosts: Mapping[int, frozenset[str]]
    paths: frozenset[str]

    @classmethod
    def of(cls, sockets: Sockets) -> Heard:
        hosts: dict[int, frozenset[str]] = {}
        for one in sockets:
            if one.port is not None:
                host = one.address.rpartition(":")[0].partition("%")[0].strip("[]")
                hosts[one.port] = hosts.get(one.port, frozenset()) | {host}
        return cls(hosts, frozenset(listening.plain_path(one.address) for one in sockets if one.unix))

    def at(self, address: Address) -> bool:
        """A name that must be resolved is heard where its port is."""
        if address.path is not None:
            return listening.plain_path(address.path) in self.paths
        hosts = self.hosts.get(address.port or 0, frozenset())
        if address.host != "*" and not address.is_literal:
            return bool(hosts)
        return bool(hosts & (_EVERY_HOST | {address.host}))


def _port(address: Address) -> str:
    return address.path or str(address.port)
