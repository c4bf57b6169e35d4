"""Selects hosts by Ansible's patterns: names, groups, globs, `web[0:2]`, `~regex`, `&` to intersect, `!` to exclude."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from remediations.errors import UsageError
from remediations.inventory import Host, Inventory
from remediations.inventory.variables import is_ip_address
from remediations.yaml.node import closest

_SUBSCRIPT = re.compile(r"(?P<base>.+)\[(?:(?P<one>-?[0-9]{1,9})|(?P<first>[0-9]{1,9})[:-](?P<last>[0-9]{0,9}))\]")


def select(inventory: Inventory, patterns: Sequence[str]) -> tuple[Host, ...]:
    """The hosts that all patterns together mean, in inventory order, never none.

    Each pattern must match: a misspelt exclusion would touch the very host that it should spare. Without a plain
    pattern, exclusions and intersections apply to `all`. As in Ansible, intersections come before exclusions.
    """
    words = [word for pattern in patterns for word in split(pattern)]
    if not words:
        raise UsageError("--host: the name of a host or group, or a pattern, is missing")
    plain = [word for word in words if word[0] not in "&!"]
    chosen = set().union(*(_hosts(inventory, word) for word in plain or ["all"]))
    for word in words:
        if word[0] == "&":
            chosen &= _members(inventory, word[1:].strip())
    for word in words:
        if word[0] == "!":
            chosen -= _members(inventory, word[1:].strip())
    if not chosen:
        raise UsageError(
            f"host pattern {','.join(words)}: no host is left, of {len(inventory.hosts)} in {inventory.path}"
        )
    return tuple(host for host in inventory.hosts if host.name in chosen)


def split(pattern: str) -> list[str]:
    """A pattern's words: separated by commas, or by colons that belong to no range, regex or IPv6 address."""
    words: list[str] = []
    for word in _pieces(pattern, ","):
        bare = word.lstrip("!&")
        whole = bare.startswith("~") or is_ip_address(bare)
        words += [word] if whole else _pieces(word, ":")
    return words


def _pieces(text: str, separator: str) -> list[str]:
    """Cut at the separators that stand outside of brackets; empty pieces are dropped."""
    pieces, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth <= 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces if piece.strip()]


def _hosts(inventory: Inventory, word: str) -> set[str]:
    names = _members(inventory, word)
    if not names:
        raise UsageError(f"host pattern {word}: this group of {inventory.path} has no hosts")
    return names


def _members(inventory: Inventory, word: str) -> set[str]:
    """The names of the hosts that one word means: empty only for a group without hosts, which may well be excluded."""
    subscript = None if word.startswith("~") else _SUBSCRIPT.fullmatch(word)
    base = _matching(inventory, subscript["base"]) if subscript else None
    names = _subscripted(inventory, base, subscript) if subscript and base else _matching(inventory, word)
    if names is None:
        raise UsageError(
            f"host pattern {word}: matches no host and no group of {inventory.path}{_near(inventory, word)}"
        )
    return names


def _matching(inventory: Inventory, word: str) -> set[str] | None:
    """None where nothing matches. A plain name is a group before it is a host; globs and regexes look at both.

    Unlike Ansible's, they never match the groups that are always there: `--host 'a*'` would mean `all`.
    """
    matches = _test(word)
    groups = [
        members for name, members in inventory.groups.items() if name == word or (_is_own(name) and matches(name))
    ]
    names = {name for members in groups for name in members}
    if groups and not _is_glob_or_regex(word):
        return names
    names.update(host.name for host in inventory.hosts if matches(host.name))
    return names if names or groups else None


def _is_own(group: str) -> bool:
    return group not in ("all", "ungrouped")


def _test(word: str) -> Callable[[str], bool]:
    if not word.startswith("~"):
        return lambda name: fnmatchcase(name, word)
    try:
        regex = re.compile(word[1:])
    except re.error as error:
        raise UsageError(f"host pattern {word}: is not a regular expression: {error}") from error
    return lambda name: regex.match(name) is not None


def _is_glob_or_regex(word: str) -> bool:
    return word.startswith("~") or any(special in word for special in "*?[")


def _subscripted(inventory: Inventory, names: set[str], subscript: re.Match[str]) -> set[str]:
    """`web[0]` is the first host of web, `web[-1]` the last, `web[0:2]` the first three, `web[1:]` all but one."""
    ordered = [host.name for host in inventory.hosts if host.name in names]
    if subscript["one"]:
        at = int(subscript["one"])
        chosen = ordered[at:][:1] if at >= -len(ordered) else []
    else:
        chosen = ordered[int(subscript["first"]) : int(subscript["last"]) + 1 if subscript["last"] else None]
    if not chosen:
        raise UsageError(
            f"host pattern {subscript[0]}: selects none of the {len(ordered)} hosts of {subscript['base']} (from 0)"
        )
    return set(chosen)


def _near(inventory: Inventory, word: str) -> str:
    known = [*inventory.groups, *(host.name for host in inventory.hosts)]
    close = closest(word, known, 5)
    return f"; near are: {', '.join(close)}" if close else f"; there are: {_some(known)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
