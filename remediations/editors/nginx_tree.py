"""The configuration that nginx sees: the directives of all its files in one tree, includes expanded in their places."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from remediations.editors.nginx import DEEPEST, Directive, parse, whole
from remediations.editors.nginx_glob import fixed_directory, is_mask, matches
from remediations.errors import EditError

MOST_INCLUDES = 50_000
"""A host of many sites has thousands; files that include each other twice would double without end."""


@dataclass(frozen=True, eq=False)
class Node:
    """A directive in its file and in its effective place; a file that is included twice gives two nodes a directive.

    The root, named `main`, stands for the main file itself and is the only node without a parent.
    """

    directive: Directive
    file: str
    parent: Node | None = field(repr=False)
    children: Sequence[Node] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        return self.directive.name

    @property
    def args(self) -> tuple[str, ...]:
        return self.directive.args

    @property
    def where(self) -> str:
        return f"{self.file}:{self.directive.line}"

    @property
    def is_block(self) -> bool:
        return self.directive.block is not None

    def walk(self) -> Iterator[Node]:
        """The node itself and everything below it, in effective order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def named(self, *names: str) -> tuple[Node, ...]:
        """The direct children of these names."""
        if len(names) == 1:
            return self._by_name.get(names[0], ())
        return tuple(child for child in self.children if child.name in names)

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Node, ...]]:
        """An index, since http{} of a large host has thousands of children and is asked for a few of them often."""
        found: dict[str, list[Node]] = {}
        for child in self.children:
            found.setdefault(child.name, []).append(child)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def ancestors(self) -> Iterator[Node]:
        """The blocks around the node, innermost first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def enclosing(self, *names: str) -> Node | None:
        """The innermost block of such a name around the node."""
        return next((node for node in self.ancestors() if node.name in names), None)


@dataclass(frozen=True)
class Include:
    """An `include`: its absolute pattern and the known files that it pulls in, in nginx's order."""

    node: Node
    pattern: str
    files: tuple[str, ...]

    @property
    def is_mask(self) -> bool:
        return is_mask(self.pattern)


@dataclass(frozen=True)
class NginxTree:
    """What `load` found: `reached` are the files that nginx reads, in the order in which it first meets them.

    With anything in `missing` (or in `refused`, for a tolerant reader) nginx would not start.
    """

    main: str
    files: Mapping[str, bytes]
    root: Node
    reached: tuple[str, ...]
    includes: tuple[Include, ...]
    refused: tuple[EditError, ...]
    listed: frozenset[str]

    def walk(self) -> Iterator[Node]:
        """Every node but the root, in effective order."""
        for node in self.root.children:
            yield from node.walk()

    @cached_property
    def http(self) -> Node | None:
        return self._block("http")

    @cached_property
    def stream(self) -> Node | None:
        return self._block("stream")

    @cached_property
    def mail(self) -> Node | None:
        return self._block("mail")

    @property
    def missing(self) -> tuple[Include, ...]:
        """Includes of one file that is not among the known ones: nginx refuses to start if the host has none either."""
        return tuple(include for include in self.includes if not include.is_mask and not include.files)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Paths and masks that may name files of the host which are not among the known ones."""
        open_ends = (include for include in self.includes if include.is_mask or not include.files)
        return tuple(dict.fromkeys(each.pattern for each in open_ends if not self._is_listed(each.pattern)))

    def _is_listed(self, pattern: str) -> bool:
        folder = fixed_directory(pattern)
        inside = (folder == each or folder.startswith(each.rstrip("/") + "/") for each in self.listed)
        return pattern in self.listed or any(inside)

    def _block(self, name: str) -> Node | None:
        return next((node for node in self.root.named(name) if node.is_block), None)


def load(main: str, files: Mapping[str, bytes], *, listed: Collection[str] = (), tolerant: bool = False) -> NginxTree:
    """The tree over the known files, keyed by the absolute paths under which nginx opens them.

    `listed` names what the caller has already fetched in full: directories with everything below them, and include
    patterns. A file that cannot be read raises EditError; a tolerant reader finds the error in `refused` instead and
    goes on without the directives of that file.
    """
    loader = _Loader(main, files)
    root = loader.root()
    if loader.refused and not tolerant:
        raise loader.refused[0]
    reached = tuple(loader.parsed)
    return NginxTree(main, files, root, reached, tuple(loader.includes), tuple(loader.refused), frozenset(listed))


@dataclass
class _Loader:
    """Expands includes, noting each one and each file that cannot be read."""

    main: str
    files: Mapping[str, bytes]
    includes: list[Include] = field(default_factory=list)
    refused: list[EditError] = field(default_factory=list)
    parsed: dict[str, tuple[Directive, ...]] = field(default_factory=dict)

    def root(self) -> Node:
        children: list[Node] = []
        root = Node(whole(self.files.get(self.main, b""), self._parse(self.main)), self.main, None, children)
        children += self.expand(self.main, root, ())
        return root

    def expand(self, file: str, parent: Node, within: tuple[str, ...]) -> list[Node]:
        """The nodes of a file, seen from the files that include it."""
        return list(self._nodes(self._parse(file), file, parent, (*within, file)))

    def _parse(self, file: str) -> tuple[Directive, ...]:
        if file not in self.parsed:
            self.parsed[file] = ()
            try:
                self.parsed[file] = parse(self._read(file), file)
            except EditError as error:
                self.refused.append(error)
        return self.parsed[file]

    def _read(self, file: str) -> bytes:
        if file not in self.files:
            raise EditError(f"{file}: the main configuration file is not there")
        return self.files[file]

    def _nodes(
        self, directives: Sequence[Directive], file: str, parent: Node, within: tuple[str, ...]
    ) -> Iterator[Node]:
        for directive in directives:
            children: list[Node] = []
            node = Node(directive, file, parent, children)
            if directive.name == "include" and len(directive.args) == 1 and directive.block is None:
                yield from self._included(node, parent, within)
                continue
            children += self._nodes(directive.block or (), file, node, within)
            yield node

    def _included(self, node: Node, parent: Node, within: tuple[str, ...]) -> Iterator[Node]:
        pattern = posixpath.join(posixpath.dirname(self.main), node.args[0])
        include = Include(node, pattern, self._find(pattern))
        self.includes.append(include)
        for file in include.files:
            if why := self._bound(file, parent, within):
                self.refused.append(EditError(f"{node.where}: {why}"))
                return
            yield from self.expand(file, parent, within)

    def _bound(self, file: str, parent: Node, within: tuple[str, ...]) -> str | None:
        """Why this file cannot be expanded here; without these bounds a hostile tree could fill stack or memory."""
        if file in within:
            return f"{file} includes itself"
        if len(within) + len(list(parent.ancestors())) > DEEPEST:
            return f"blocks and includes nested deeper than {DEEPEST}"
        return f"more than {MOST_INCLUDES} includes" if len(self.includes) > MOST_INCLUDES else None

    def _find(self, pattern: str) -> tuple[str, ...]:
        if is_mask(pattern):
            return matches(pattern, self.files)
        known = (path for path in (pattern, posixpath.normpath(pattern)) if path in self.files)
        return tuple(known)[:1]
