"""The names of shared memory: one name space for limits, caches and upstreams, in which a name taken twice is fatal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_tree import NginxTree, Node

CACHES = ("proxy_cache", "fastcgi_cache", "uwsgi_cache", "scgi_cache")


@dataclass(frozen=True)
class Zone:
    """A zone: `kind` is the directive that defines it, `key` what a limit counts by, `users` who refers to it.

    A zone of several definitions is shared by them (`ssl_session_cache` of two servers); without any, only used,
    it keeps nginx from starting.
    """

    name: str
    kind: str | None
    definitions: tuple[Node, ...]
    users: tuple[Node, ...]

    @property
    def key(self) -> str | None:
        if self.kind not in ("limit_req_zone", "limit_conn_zone"):
            return None
        return self.definitions[0].args[0]

    @property
    def rate(self) -> str | None:
        if self.kind != "limit_req_zone":
            return None
        rates = [arg.removeprefix("rate=") for arg in self.definitions[0].args if arg.startswith("rate=")]
        return rates[-1] if rates else "1r/s"


def zones(tree: NginxTree) -> tuple[Zone, ...]:
    """Every zone by name; a name that two kinds define (nginx refuses that) gives two."""
    defined: dict[tuple[str, str], list[Node]] = {}
    used: dict[str, list[Node]] = {}
    for node in tree.walk():
        for name in defined_names(node):
            defined.setdefault((name, node.name), []).append(node)
        for name in _used_names(node):
            used.setdefault(name, []).append(node)
    known = (Zone(name, kind, tuple(at), tuple(used.get(name, ()))) for (name, kind), at in defined.items())
    undefined = (name for name in used if name not in {defined_name for defined_name, _ in defined})
    return (*known, *(Zone(name, None, (), tuple(used[name])) for name in undefined))


def defined_names(node: Node) -> Iterator[str]:
    """The zones that this directive defines."""
    args = node.args
    if (
        node.name == "zone" and node.parent is not None and node.parent.name == "upstream"
    ) or node.name == "lua_shared_dict":
        yield from args[:1]
    elif node.name.endswith("_zone"):
        yield from _parameter(args, "zone=")
    elif node.name.endswith("_cache_path"):
        yield from _parameter(args, "keys_zone=")
    elif node.name == "ssl_session_cache":
        yield from _parameter(args, "shared:")


def _used_names(node: Node) -> Iterator[str]:
    if node.name == "limit_req":
        yield from _parameter(node.args, "zone=")
    elif node.name == "limit_conn" or (node.name in CACHES and node.args != ("off",)):
        yield from node.args[:1]


def _parameter(args: tuple[str, ...], prefix: str) -> Iterator[str]:
    """The NAME of `prefix NAME:SIZE`; of repeated ones nginx keeps the last."""
    found = [arg.removeprefix(prefix).split(":", 1)[0] for arg in args if arg.startswith(prefix)]
    yield from found[-1:]
