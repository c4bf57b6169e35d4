"""The zone in which limit-req counts: what it is called, and how it comes to stand in http{}."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from remediations.changes import nginx
from remediations.changes.file import FileChange
from remediations.editors.nginx import Directive, parse, whole
from remediations.editors.nginx_edit import add_to_block, encode, set_arguments
from remediations.editors.nginx_snippets import snippet_place
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.editors.nginx_zones import Zone, zones
from remediations.snapshot import Snapshot
from remediations.templating import render

DEFAULT_KEY = "$binary_remote_addr"
SNIPPET = "remediate-limit-req.conf"

_OURS = re.compile(r"remediate(?:_[0-9a-f]{6})?(?:_[0-9]+)?")


def is_ours(node: Node) -> bool:
    """Whether a `limit_req` names a zone of this remediation."""
    return any(_OURS.fullmatch(name) for name in zone_names(node))


def zone_names(node: Node) -> tuple[str, ...]:
    return tuple(arg.removeprefix("zone=").split(":", 1)[0] for arg in node.args if arg.startswith("zone="))


@dataclass(frozen=True)
class LimitZone:
    """The zone as it shall be. Its name follows from its key: a running nginx refuses a zone whose key changed."""

    snapshot: Snapshot
    key: str
    size: str
    rate: str

    @property
    def tree(self) -> NginxTree:
        return nginx.known_tree(self.snapshot)

    @cached_property
    def _zones(self) -> tuple[Zone, ...]:
        return zones(self.tree)

    @cached_property
    def name(self) -> str:
        """Free, or ours already."""
        base = "remediate" if self.key == DEFAULT_KEY else f"remediate_{_digest(self.key)}"
        names = (base if number == 1 else f"{base}_{number}" for number in count(1))
        return next(name for name in names if all(map(self._is_this, self._called(name))))

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.key, f"zone={self.name}:{self.size}", f"rate={self.rate}")

    @property
    def used(self) -> bool:
        """Whether some limit_req counts in it already."""
        return any(zone.users for zone in self._called(self.name))

    def _called(self, name: str) -> tuple[Zone, ...]:
        return tuple(zone for zone in self._zones if zone.name == name)

    def _is_this(self, zone: Zone) -> bool:
        return zone.kind == "limit_req_zone" and zone.key == self.key

    def edits(self, rewritten: Collection[nginx.Place]) -> tuple[nginx.Edit, ...] | None:
        """Edits of files that stand; None where a file of its own is needed. The `rewritten` leave their old zone."""
        tree, definition, own = self.tree, self._definition(rewritten), self._own_file()
        if definition is not None:
            if set(definition.args) == set(self.arguments):
                return ()
            data = tree.files[definition.file]
            return ((definition.file, set_arguments(data, definition.directive, self.arguments)),)
        if own is not None and own not in tree.reached:
            return None
        file, block = (own, _whole(tree, own)) if own is not None else self._http()
        return ((file, add_to_block(tree.files[file], block, [("limit_req_zone", *self.arguments)])),)

    def _http(self) -> tuple[str, Directive]:
        http = self.tree.http
        assert http is not None, "a tree with places to limit has http{}"
        return http.file, http.directive

    def creation(self, remediation: str) -> FileChange:
        """The snippet."""
        path = self._own_file()
        assert path is not None, "asked only where a file of its own is needed"
        arguments = b" ".join(encode(word) for word in self.arguments).decode()
        return FileChange(remediation, path, None, render("limit-req.conf.j2", arguments=arguments))

    def _definition(self, rewritten: Collection[nginx.Place]) -> Node | None:
        """Where it stands; else the definition of a zone of ours that nobody uses any longer, to be turned into it."""
        ours = [zone for zone in self._zones if zone.kind == "limit_req_zone" and _OURS.fullmatch(zone.name)]
        same = [zone for zone in ours if zone.name == self.name]
        left = [zone for zone in ours if all(nginx.place(self.snapshot, user) in rewritten for user in zone.users)]
        return next((zone.definitions[0] for zone in (*same, *left)), None)

    def _own_file(self) -> str | None:
        """The snippet's path in conf.d, or the like (http.d), where http{} includes it."""
        place = snippet_place(self.tree)
        if place is None or not place.directory.endswith(".d") or not place.takes(SNIPPET):
            return None
        return None if self._is_link(place.directory) else f"{place.directory}/{SNIPPET}"

    def _is_link(self, directory: str) -> bool:
        """Whether the directory leads elsewhere: a file in it that is no link itself really lies in another one."""
        here = (file for file in self.snapshot.files.values() if posixpath.dirname(file.path) == directory)
        plain = [file for file in here if file.link_modified == file.modified and file.real_path != file.path]
        return any(posixpath.basename(file.real_path) == posixpath.basename(file.path) for file in plain)


def _whole(tree: NginxTree, file: str) -> Directive:
    return whole(tree.files[file], parse(tree.files[file], file))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:6]
