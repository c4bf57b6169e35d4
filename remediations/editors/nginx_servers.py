"""The `server` blocks of http{}: what each listens on, its names, its locations, and which one answers by default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_address import Address, parse_address
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_tree import NginxTree, Node

_NAMED_GROUP = re.compile(r"\(\?<(?=\w)")
_ODD_SET = re.compile(r"\[[^\]]*(?:\[|--|&&|~~|\|\|)")
_MODIFIER = re.compile(r"(=|\^~|~\*|~|@)?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Listen:
    """One `listen`: a host of `*` is every IPv4 address, `::` every IPv6 address. The node is None for the default."""

    address: Address
    ssl: bool
    default_server: bool
    node: Node | None

    @property
    def proxy_protocol(self) -> bool:
        return self.node is not None and "proxy_protocol" in self.node.args


@dataclass(frozen=True)
class Location:
    """A `location`: modifier "", "=", "^~", "~", "~*" or "@" (named), and the path or regular expression after it."""

    node: Node
    modifier: str
    path: str

    @property
    def is_regex(self) -> bool:
        return self.modifier in ("~", "~*")

    @property
    def literal_path(self) -> str | None:
        """A path to ask for that leads here; of the regular expressions only those that take /index.php have one."""
        if self.modifier == "@" or self.node.named("internal"):
            return None
        if self.is_regex:
            return "/index.php" if _takes_index_php(self.path) else None
        return self.path if self.path.startswith("/") else None


@dataclass(frozen=True)
class Server:
    """A `server` of http{}."""

    node: Node

    @property
    def listens(self) -> tuple[Listen, ...]:
        """As written; a server without `listen` listens on *:80."""
        ssl_on = any(each.args == ("on",) for each in self.node.named("ssl"))
        found = tuple(_listen(each, ssl_on) for each in self.node.named("listen") if each.args)
        return found or (Listen(Address("*", 80), ssl_on, False, None),)

    @property
    def names(self) -> tuple[str, ...]:
        """All names as written, wildcards and ~regular expressions too."""
        return tuple(name for node in self.node.named("server_name") for name in node.args)

    @property
    def literal_names(self) -> tuple[str, ...]:
        """The names that a request can carry as they are: `.example.com` gives example.com, the catch-all `_` none."""
        bare = (name.removeprefix(".") for name in self.names if name[:1] != "~" and name != "_")
        return tuple(dict.fromkeys(name for name in bare if name and "*" not in name and "$" not in name))

    @property
    def root(self) -> str | None:
        """As written in the server, else in http{}."""
        return next((node.args[0] for node in effective(self.node, "root").nodes if node.args), None)

    @property
    def locations(self) -> tuple[Location, ...]:
        """All of them, nested ones after the one that holds them."""
        return tuple(location(node) for node in self.node.walk() if node.name == "location" and node.is_block)


def servers(tree: NginxTree) -> tuple[Server, ...]:
    """The servers of http{} in the order of their definition; stream{} and mail{} are not among them."""
    return tuple(Server(node) for node in tree.http.named("server") if node.is_block) if tree.http else ()


def endpoints(tree: NginxTree) -> tuple[Address, ...]:
    """Every address that some server of http{} listens on, once."""
    return tuple(dict.fromkeys(listen.address for server in servers(tree) for listen in server.listens))


def default_server(tree: NginxTree, address: Address) -> Server | None:
    """Who answers at this address where no name matches: the one marked default_server, else the first defined."""
    here = [(server, listen) for server, listen in _listening(tree) if listen.address == address]
    marked = [server for server, listen in here if listen.default_server]
    return next(iter(marked or (server for server, _ in here)), None)


def speaks_tls(tree: NginxTree, address: Address) -> bool:
    """nginx gives `ssl` to the address: one server that sets it there sets it for all."""
    return any(listen.ssl for _, listen in _listening(tree) if listen.address == address)


def location(node: Node) -> Location:
    """`location = /x`, `location =/x`: nginx takes the modifier glued to the path as well."""
    words = node.args
    if len(words) == 2:
        return Location(node, words[0], words[1])
    glued = _MODIFIER.fullmatch(words[0] if words else "")
    assert glued is not None, "the pattern matches every string"
    modifier = glued[1] or ""
    return Location(node, modifier, glued[0] if modifier == "@" else glued[2])


def _listening(tree: NginxTree) -> Iterator[tuple[Server, Listen]]:
    for server in servers(tree):
        for listen in server.listens:
            yield server, listen


def _listen(node: Node, ssl_on: bool) -> Listen:
    flags = node.args[1:]
    return Listen(
        _listen_address(node.args[0]),
        ssl=ssl_on or "ssl" in flags,
        default_server="default_server" in flags or "default" in flags,
        node=node,
    )


def _listen_address(text: str) -> Address:
    """`80`, `*:80`, `127.0.0.1`, `[::]:80`, `name:80`, `unix:/path`; 0.0.0.0 is `*`."""
    if text.isdecimal():
        return Address("*", int(text))
    address = parse_address(text, 80) or Address(text)
    if address.ip is not None:
        address = Address(str(address.ip), address.port)
    return Address("*", address.port) if address.host == "0.0.0.0" else address  # noqa: S104 - read, not bound


def regex_matches(pattern: str, path: str) -> bool:
    """Whether the regular expression of a location matches this path.

    Python's syntax is near PCRE's: named groups differ, and sets that Python would warn about count as no match.
    """
    if _ODD_SET.search(pattern):
        return False
    try:
        return re.search(_NAMED_GROUP.sub("(?P<", pattern), path) is not None
    except re.error:
        return False


def _takes_index_php(pattern: str) -> bool:
    """Whether this regular expression is about PHP scripts and matches /index.php."""
    return r"\.php" in pattern and regex_matches(pattern, "/index.php")
