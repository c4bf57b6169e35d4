"""Which block answers a path, and whether it refuses by design: a `return`, a `deny`, a rejected handshake, a limit."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_servers import Location, location, regex_matches
from remediations.editors.nginx_tree import Node

LIMIT_STATUS = 503
"""What nginx answers to a request over its limit where no limit_req_status says otherwise."""


def place_of(block: Node, path: str) -> Node:
    """The block that answers this path: nginx's choice of location, nested ones too, else the block itself."""
    inner = [location(node) for node in block.named("location") if node.is_block]
    chosen = _chosen(inner, path)
    return place_of(chosen.node, path) if chosen else block


def _chosen(locations: Sequence[Location], path: str) -> Location | None:
    """An exact one, a longest prefix with ^~, the first regular expression, the longest prefix: in this order."""
    exact = next((one for one in locations if one.modifier == "=" and one.path == path), None)
    prefixes = (one for one in locations if one.modifier in ("", "^~") and path.startswith(one.path))
    longest = max(prefixes, key=lambda one: len(one.path), default=None)
    if exact or (longest and longest.modifier == "^~"):
        return exact or longest
    return next((one for one in locations if one.is_regex and regex_matches(one.path, path)), longest)


def turned_away(block: Node) -> bool:
    """Whether a `return` of this block itself gives everybody an error, or a 200 without a word."""
    for node in block.named("return"):
        code, text = node.args[:1], "".join(node.args[1:])
        if code and code[0].isdecimal():
            return int(code[0]) >= 400 or (code[0] == "200" and not text)
    return False


def switched_off(block: Node) -> int | None:
    """The error that an `if` of this block returns: maintenance, mostly. 502 and 504 nobody means for that."""
    returns = (node for one in block.named("if") for node in one.named("return"))
    codes = (int(node.args[0]) for node in returns if node.args and node.args[0].isdecimal())
    return next((code for code in codes if code >= 500 and code not in (502, 504)), None)


def denied(place: Node, client: str) -> bool:
    """Whether `allow` and `deny` keep this client out: the first rule that fits decides."""
    around = (place, *place.ancestors())
    level = next((one for one in around if one.named("allow") or one.named("deny")), None)
    rules = level.named("allow", "deny") if level and level.named("deny") else ()
    fits = (rule for rule in rules if rule.args and _fits(rule.args[0], client))
    return any(rule.name == "deny" for rule in list(fits)[:1])


def is_closed(passing: Node) -> bool:
    """Whether no visitor comes as far as this *_pass: a `return` or a `deny all` stands before it for everybody."""
    place = passing.enclosing("location", "server")
    if place is None:
        return False
    around = (place, *place.ancestors())
    named = any(node.name == "location" and node.args[:1] and node.args[0].startswith("@") for node in around)
    returns = not passing.enclosing("if") and _returns(place)
    server = next((node for node in around if node.name == "server"), None)
    return returns or (not named and server is not None and _returns(server)) or _denies_all(place)


def _returns(block: Node) -> bool:
    """Whether nothing that could end a block's rewriting comes before its `return`."""
    return [node.name for node in block.named("return", "rewrite", "if", "break")][:1] == ["return"]


def _denies_all(place: Node) -> bool:
    """Whether nobody is let in, by a password neither."""
    around = (place, *place.ancestors())
    level = next((one for one in around if one.named("allow", "deny")), None)
    first = level.named("allow", "deny")[:1] if level else ()
    either = any(node.args == ("any",) for node in effective(place, "satisfy").nodes)
    return not either and any(rule.name == "deny" and rule.args == ("all",) for rule in first)


def _fits(rule: str, client: str) -> bool:
    if rule in ("all", client):
        return True
    try:
        return ipaddress.ip_address(client) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return rule == "unix:" and client.startswith("/")


def rejects_handshake(server: Node) -> bool:
    return any(node.args == ("on",) for node in effective(server, "ssl_reject_handshake").nodes)


def limit_status(place: Node) -> int | None:
    """The status of what exceeds the limit_req in force here; None where there is no limit."""
    dry = any(node.args == ("on",) for node in effective(place, "limit_req_dry_run").nodes)
    if dry or not effective(place, "limit_req"):
        return None
    said = (node.args[0] for node in effective(place, "limit_req_status").nodes if node.args)
    return next((int(status) for status in said if status.isdecimal()), LIMIT_STATUS)
