"""The places that limit-req is asked to limit: servers, locations, or every location that passes to a backend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from remediations.editors.nginx_servers import Location, location, servers
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.editors.nginx_upstreams import pass_targets
from remediations.facts.base import Unknown
from remediations.snapshot import Snapshot

_WRITTEN = re.compile(r"(=|\^~|~\*|~|@)?\s*(\S.*)", re.DOTALL)
_PLAIN = re.compile(r"(?:\\[^A-Za-z0-9]|[^\\^$.|?*+()\[\]{}])*", re.DOTALL)


def chosen(tree: NginxTree, names: Sequence[str], paths: Sequence[str]) -> tuple[Node, ...]:
    """Servers by name, locations by how they are written (`= /login`, `/api/`); neither: what passes to a backend."""
    among = [server for server in servers(tree) if not names or set(names) & set(server.names)]
    if paths:
        return tuple(
            each.node for server in among for each in server.locations if any(_is(each, path) for path in paths)
        )
    if names:
        return tuple(server.node for server in among)
    return tuple(dict.fromkeys(target.location.node for target in pass_targets(tree) if target.location))


def _is(found: Location, written: str) -> bool:
    """Whether a person who writes this, with the modifier or without, means that location."""
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        return False
    if match[1] == "@":
        return found.path == f"@{match[2]}"
    return found.path == match[2] and match[1] in (None, found.modifier)


def unknown(tree: NginxTree, names: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
    """What was asked for and is not there, with what is."""
    there = servers(tree)
    known = sorted({name for server in there for name in server.names})
    for name in names:
        if name not in known:
            yield f"server {name}: no such server_name; there are: {', '.join(known) or 'none'}"
    for path in paths:
        if not chosen(tree, names, [path]):
            among = [server for server in there if not names or set(names) & set(server.names)]
            written = dict.fromkeys(" ".join(each.node.args) for server in among for each in server.locations)
            yield f"location {path}: no such location; there are: {', '.join(written) or 'none'}"


def health_paths(snapshot: Snapshot) -> tuple[str, ...]:
    """The paths that a person asked to be checked; the derived questions ask for the site itself."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    asked = (urlsplit(answer.probe.url).path or "/" for answer in answers if not answer.probe.derived)
    return tuple(dict.fromkeys(asked))


def serves_only(node: Node, path: str) -> bool:
    """Whether this location matches that path and no other: `= /x`, or a regular expression that says the same.

    The front page is the site itself, whoever checks it.
    """
    if node.name != "location" or path == "/":
        return False
    found = location(node)
    if found.modifier == "=":
        return found.path == path
    inside = found.path[1:-1]
    anchored = found.is_regex and found.path.startswith("^") and found.path.endswith("$")
    return anchored and _PLAIN.fullmatch(inside) is not None and re.sub(r"\\(.)", r"\1", inside) == path
