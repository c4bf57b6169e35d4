"""Where nginx passes requests to: the `upstream` groups of http{}, and every *_pass that leads to one or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_servers import Location, location
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.editors.nginx_variables import expand

PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")

_SCHEME = re.compile(r"(?i:(https?|grpcs?|s?uwsgi))://")
_DEFAULT_PORT = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_STARTS_WITH_SLASH = re.compile(r"\$(?:\{(?:request_uri|uri|document_uri)\}|(?:request_uri|uri|document_uri)\b)")
BALANCERS = ("ip_hash", "hash", "random", "least_conn", "least_time")


@dataclass(frozen=True)
class UpstreamServer:
    """A `server` line of an upstream group; the node says which file to edit."""

    node: Node

    @property
    def text(self) -> str:
        return self.node.args[0] if self.node.args else ""

    @property
    def address(self) -> Address | None:
        """None where nginx would not take it for an address either."""
        return parse_address(self.text, 80)

    @property
    def parameters(self) -> Mapping[str, str]:
        """`name=value` by name; where one is repeated nginx uses the last."""
        return dict(arg.split("=", 1) for arg in self.node.args[1:] if "=" in arg)

    @property
    def flags(self) -> frozenset[str]:
        return frozenset(arg for arg in self.node.args[1:] if "=" not in arg)

    @property
    def backup(self) -> bool:
        return "backup" in self.flags

    @property
    def down(self) -> bool:
        return "down" in self.flags


@dataclass(frozen=True)
class Upstream:
    """An `upstream` group of http{}."""

    node: Node

    @property
    def name(self) -> str:
        return self.node.args[0] if self.node.args else ""

    @property
    def servers(self) -> tuple[UpstreamServer, ...]:
        """Those directly inside, from included files too."""
        return tuple(UpstreamServer(node) for node in self.node.named("server"))

    @property
    def balancer(self) -> Node | None:
        return next(iter(self.node.named(*BALANCERS)), None)

    @property
    def zone(self) -> str | None:
        """The shared memory in which all workers count failures together; without it each worker counts alone."""
        return next((node.args[0] for node in self.node.named("zone") if node.args), None)


@dataclass(frozen=True)
class PassTarget:
    """A *_pass and where it leads: to the group `upstream`, to an `address`, or by `variable` maybe to `candidates`.

    `possible` are the addresses that the variable may lead to as far as it is written down; `sure`: to these alone.
    """

    node: Node
    scheme: str
    location: Location | None
    upstream: Upstream | None = None
    address: Address | None = None
    variable: str | None = None
    candidates: tuple[str, ...] = ()
    possible: tuple[Address, ...] = ()
    sure: bool = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        if self.upstream is None:
            return (self.address,) if self.address else ()
        return tuple(server.address for server in self.upstream.servers if server.address)

    def may_be(self, address: Address) -> bool:
        """Whether the variable may lead there."""
        if self.variable is None or address in self.possible:
            return address in self.possible
        _, host = _split(self.node.name.removesuffix("_pass"), self.variable)
        return re.fullmatch(_mask(host), str(address), re.IGNORECASE | re.DOTALL) is not None


@dataclass(frozen=True)
class Backend:
    """An address that nginx passes requests to, and the group through which it does so, if any."""

    address: Address
    upstream: str | None
    targets: tuple[PassTarget, ...]


def upstreams(tree: NginxTree) -> tuple[Upstream, ...]:
    """The groups of http{}; those of stream{} have a name space of their own."""
    return tuple(Upstream(node) for node in tree.http.named("upstream") if node.is_block) if tree.http else ()


def pass_targets(tree: NginxTree) -> tuple[PassTarget, ...]:
    """Every *_pass of http{}, those inside `if` and `limit_except` too."""
    groups = upstreams(tree)
    nodes = tree.http.walk() if tree.http else ()
    return tuple(_target(node, groups) for node in nodes if node.name in PASSES and node.args)


def backends(tree: NginxTree) -> tuple[Backend, ...]:
    """Every address that a *_pass leads to, once for each group it stands in."""
    found: dict[tuple[Address, str | None], list[PassTarget]] = {}
    for target in pass_targets(tree):
        for address in target.addresses:
            group = target.upstream.name if target.upstream else None
            found.setdefault((address, group), []).append(target)
    return tuple(Backend(address, group, tuple(targets)) for (address, group), targets in found.items())


def _target(node: Node, groups: tuple[Upstream, ...]) -> PassTarget:
    around = node.enclosing("location")
    where = location(around) if around else None
    scheme, host = _split(node.name.removesuffix("_pass"), node.args[0])
    if "$" in host or "$" in scheme:
        return _by_variable(node, where, groups)
    group = next((each for each in groups if each.name.lower() == host.lower()), None)
    if group:
        return PassTarget(node, scheme, where, upstream=group)
    return PassTarget(node, scheme, where, address=parse_address(host, _DEFAULT_PORT.get(scheme)))


def _by_variable(node: Node, where: Location | None, groups: tuple[Upstream, ...]) -> PassTarget:
    """What is written down of the variables decides; a scheme counts where all that they may hold agree on it."""
    texts = [_split(node.name.removesuffix("_pass"), text) for text in expand(node, node.args[0])]
    known = [(scheme, host) for scheme, host in texts if "$" not in scheme + host]
    named = {group.name.lower(): group for group in groups}
    found = [address for scheme, host in known for address in _addresses(named.get(host.lower()), scheme, host)]
    schemes = {scheme for scheme, _ in texts}
    could = dict.fromkeys(name for _, host in texts for name in _could_name(host, groups))
    return PassTarget(
        node, schemes.pop() if len(schemes) == 1 else "", where, variable=node.args[0], candidates=tuple(could),
        possible=tuple(dict.fromkeys(found)), sure=len(known) == len(texts) == 1,
    )  # fmt: skip


def hosts_by_variable(target: PassTarget) -> tuple[str, ...]:
    """The hosts, without their ports, that the variable of this *_pass may stand for."""
    node = target.node
    texts = (_split(node.name.removesuffix("_pass"), text)[1] for text in expand(node, node.args[0]))
    return tuple(dict.fromkeys(re.sub(r":[0-9]+$", "", text) for text in texts if not text.startswith("unix:")))


def _addresses(group: Upstream | None, scheme: str, host: str) -> Iterator[Address]:
    if group:
        yield from (server.address for server in group.servers if server.address and not server.down)
    elif address := parse_address(host, _DEFAULT_PORT.get(scheme)):
        yield address


def _split(protocol: str, text: str) -> tuple[str, str]:
    """Scheme and host part of a *_pass: `http://unix:/run/app.sock:/uri` gives http and unix:/run/app.sock."""
    scheme = {"proxy": "http"}.get(protocol, protocol)
    if match := _SCHEME.match(text):
        scheme, text = match[1].lower(), text[match.end() :]
    elif "://" in text:
        scheme, text = text.split("://", 1)
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        return scheme, "unix:" + (path.split(":", 1)[0] if protocol == "proxy" else path)
    cut = _STARTS_WITH_SLASH.search(text)
    return scheme, re.split(r"[/?#]", text[: cut.start()] if cut else text, maxsplit=1)[0]


def _could_name(host: str, groups: tuple[Upstream, ...]) -> Iterator[str]:
    """The groups whose name the variable could evaluate to, as far as the literal part around it says."""
    mask = _mask(host)
    return (group.name for group in groups if re.fullmatch(mask, group.name, re.IGNORECASE | re.DOTALL))


def _mask(text: str) -> str:
    """A pattern of what the text may become."""
    literal = re.split(r"\$(?:\{\w+\}|\w+)", text)
    return ".*".join(re.escape(part) for part in literal)
