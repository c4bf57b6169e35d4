"""Where a file of our own joins http{}: a directory that the configuration includes by a mask."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.editors.nginx_glob import fixed_directory, matches
from remediations.editors.nginx_tree import Include, NginxTree


@dataclass(frozen=True)
class SnippetPlace:
    """A directory whose files nginx reads inside http{}, by the mask that its include has."""

    directory: str
    mask: str

    def takes(self, name: str) -> bool:
        path = f"{self.directory}/{name}"
        return matches(self.mask, [path]) == (path,)


def snippet_place(tree: NginxTree) -> SnippetPlace | None:
    """The directory for `*.conf` files at the level of http{}, one named conf.d first; None where there is none."""
    masks = (include for include in tree.includes if include.is_mask and include.node.parent is tree.http)
    places = [place for place in map(_place, masks) if place.mask.endswith(".conf") and place.takes("any-name.conf")]
    return next(iter(sorted(places, key=lambda place: not place.directory.endswith("/conf.d"))), None)


def _place(include: Include) -> SnippetPlace:
    return SnippetPlace(fixed_directory(include.pattern), include.pattern)
