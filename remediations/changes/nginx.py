"""nginx's files as something to change: what forbids it, the edited files, and the reload that makes it read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.editors.nginx_edit import Splices
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.editors.splice import Splice, apply
from remediations.facts.base import Unknown
from remediations.host.topology import nginx_unit
from remediations.snapshot import Snapshot

Edit = tuple[str, Splices]
"""The name under which nginx reads a file, and what to do to its bytes."""


Place = tuple[str, int]
"""Where a directive really stands: the real file and the offset in it."""


def refusals(snapshot: Snapshot) -> tuple[str, ...]:
    """Why no file of nginx may be edited: an edit of a configuration that does not validate could not be judged."""
    tree = snapshot.nginx_tree
    if isinstance(tree, Unknown):
        return (f"nginx's configuration is not known, so it is not edited: {tree.reason}",)
    broken = [str(error) for error in tree.refused]
    broken += [f"{each.node.where}: the included {each.pattern} is not there" for each in tree.missing]
    found = broken or _disliked(snapshot)
    return (f"nginx's configuration is not valid, so it is not edited: {found[0]}",) if found else ()


def _disliked(snapshot: Snapshot) -> list[str]:
    """What nginx itself says against the configuration as it stands."""
    if isinstance(snapshot.verdicts, Unknown) or snapshot.live_nginx is None:
        return []
    main = snapshot.live_nginx.main
    return [_essence(each.output) for each in snapshot.verdicts if each.subject == main and not each.ok]


def _essence(output: str) -> str:
    """The line that names the fault and its place."""
    lines = output.splitlines() or ["nginx -t fails without a word"]
    return next((line for line in lines if "[emerg]" in line), lines[-1])


def edited(snapshot: Snapshot, remediation: str, edits: Iterable[Edit]) -> tuple[FileChange, ...]:
    """One change a real file; a file that nginx reads twice, or under two names, is edited once."""
    splices: dict[str, dict[Splice, None]] = {}
    named: dict[str, str] = {}
    for name, wanted in edits:
        real = snapshot.files[name].real_path
        named.setdefault(real, name)
        splices.setdefault(real, {}).update(dict.fromkeys(wanted))
    return tuple(_change(snapshot, remediation, named[real], tuple(found)) for real, found in splices.items() if found)


def _change(snapshot: Snapshot, remediation: str, path: str, splices: Splices) -> FileChange:
    before = snapshot.files[path]
    return FileChange(remediation, before.real_path, before, apply(before.data, splices))


def place(snapshot: Snapshot, node: Node) -> Place:
    """Two nodes of one place are one directive that nginx reads twice."""
    return snapshot.files[node.file].real_path, node.directive.start


def shown(snapshot: Snapshot, node: Node) -> str:
    """Where a person finds the directive: the real file and the line."""
    return f"{snapshot.files[node.file].real_path}:{node.directive.line}"


def reload(snapshot: Snapshot, remediation: str, files: Sequence[FileChange]) -> tuple[UnitAction, ...]:
    """The reload that makes nginx read these files, where one runs: by its unit, else by a signal to its master."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return reload_because(snapshot, remediation, f"to read {files[0].path}{more}") if files else ()


def reload_because(snapshot: Snapshot, remediation: str, reason: str) -> tuple[UnitAction, ...]:
    """A reload, where an nginx runs."""
    master = snapshot.live_nginx.master if snapshot.live_nginx else None
    if master is None:
        return ()
    unit = nginx_unit(snapshot)
    name = unit.name if unit is not None and unit.active_state == "active" and unit.can_reload else ""
    return (UnitAction(remediation, name, "reload", reason, pid=master),)


def known_tree(snapshot: Snapshot) -> NginxTree:
    """The tree, once `refusals` has said that it is one."""
    tree = snapshot.nginx_tree
    assert not isinstance(tree, Unknown)
    return tree
