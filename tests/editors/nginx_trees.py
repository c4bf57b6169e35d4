"""Small nginx trees for tests, written as text."""

from __future__ import annotations

from collections.abc import Mapping

from remediations.editors.nginx_tree import NginxTree, Node, load

MAIN = "/etc/nginx/nginx.conf"


def tree(main: str, others: Mapping[str, str] | None = None) -> NginxTree:
    """The main file and others by their paths below /etc/nginx; everything there counts as fetched."""
    files = {MAIN: main, **{f"/etc/nginx/{path}": text for path, text in (others or {}).items()}}
    return load(MAIN, {path: text.encode() for path, text in files.items()}, listed=["/etc/nginx"])


def http(inside: str, others: Mapping[str, str] | None = None) -> NginxTree:
    return tree("events {}\nhttp {\n" + inside + "\n}\n", others)


def node(found: NginxTree, *steps: str) -> Node:
    """The first node whose words begin as each step says, from the top down."""
    here = found.root
    for step in steps:
        here = next(each for each in here.children if " ".join((each.name, *each.args)).startswith(step))
    return here
