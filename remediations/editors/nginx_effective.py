"""Which directives apply at a place: nginx takes those of the innermost level that has any, never a mixture of two."""

from __future__ import annotations

from dataclasses import dataclass

from remediations.editors.nginx_tree import Node


@dataclass(frozen=True)
class Effective:
    """The directives that apply and the level that sets them: None where no level does."""

    level: Node | None
    nodes: tuple[Node, ...]
    inherited: bool

    def __bool__(self) -> bool:
        return self.level is not None


@dataclass(frozen=True)
class RealIp:
    """Whose word about the client's address is believed, and in which header it stands."""

    trusted: tuple[str, ...]
    header: str

    @property
    def applies(self) -> bool:
        return bool(self.trusted)


def effective(node: Node, name: str) -> Effective:
    """What holds inside this block, or around this simple directive: set on its own level, or inherited."""
    own = node if node.is_block or node.parent is None else node.parent
    for level in (own, *own.ancestors()):
        if found := level.named(name):
            return Effective(level, found, inherited=level is not own)
    return Effective(None, (), inherited=False)


def real_ip(node: Node) -> RealIp:
    """The real_ip settings in force at this place; the header is nginx's default where none is set."""
    trusted = tuple(each.args[0] for each in effective(node, "set_real_ip_from").nodes if each.args)
    header = next((each.args[0] for each in effective(node, "real_ip_header").nodes if each.args), "X-Real-IP")
    return RealIp(trusted, header)
