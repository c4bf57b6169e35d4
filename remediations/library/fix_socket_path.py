"""Points nginx at the socket that PHP-FPM listens on, where it names one that nobody has: after an upgrade of PHP.

Reach for it where every PHP page answers 502 with `(2: No such file or directory)` and PHP-FPM runs. The argument of
`fastcgi_pass` that names the dead path is replaced, or that of the group's `server`, or of the `set` or `map` of its
variable; nginx is reloaded where it runs.

It never guesses: of itself it takes only a socket whose path differs in PHP's version alone, since another pool may be
another user's; any other one you name by `socket`. It leaves alone a path that a pool or a unit of this host is to
listen on, since then that one is down, and sockets of apps that are not PHP. It never makes symbolic links, and never
edits a configuration that does not validate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from remediations.changes import nginx
from remediations.editors.nginx_address import Address
from remediations.editors.nginx_edit import set_arguments
from remediations.findings import Finding
from remediations.host import topology
from remediations.php import sockets
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "fix-socket-path"


@dataclass(frozen=True)
class FixSocketPath:
    """`socket` is the path of a unix socket that a PHP-FPM pool listens on now."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    socket: str | None = field(
        default=None,
        metadata={
            "help": "the live socket to point at; needed where its path differs in more than PHP's version",
            "pattern": r"/.+",
        },
    )

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        del findings  # what stands in the files and who listens decides
        dead = sockets.dead_sockets(snapshot)
        if not dead:
            return Proposal()
        refusals = nginx.refusals(snapshot) or tuple(self._undecided(snapshot, dead))
        if refusals:
            return Proposal(refusals=refusals)
        edits = (edit for address in dead for edit in _edits(snapshot, address, self._live(snapshot, address) or ""))
        files = nginx.edited(snapshot, ID, edits)
        return Proposal(files=files, actions=nginx.reload(snapshot, ID, files))

    def _undecided(self, snapshot: Snapshot, dead: Sequence[Address]) -> Iterator[str]:
        live = sockets.live_pool_sockets(snapshot)
        there = ", ".join(live)
        if self.socket and self.socket not in live:
            yield f"no PHP-FPM pool listens on {self.socket}; they listen on: {there or 'none'}"
            return
        for address in dead:
            if not sockets.naming(snapshot, address):
                where = " and ".join(target.node.where for target in topology.targets_at(snapshot, address))
                yield f"{address} is what a variable at {where} leads to, and it is written down nowhere: mend it there"
            elif not self._live(snapshot, address):
                yield (
                    f"{address} is dead, and none of the live sockets differs from it in PHP's version alone: {there}; "
                    f"say which one is meant: --set {ID}.socket=PATH"
                )

    def _live(self, snapshot: Snapshot, dead: Address) -> str | None:
        return self.socket or sockets.twin_socket(snapshot, dead)


def _edits(snapshot: Snapshot, dead: Address, live: str) -> Iterator[nginx.Edit]:
    for node in sockets.naming(snapshot, dead):
        data = snapshot.files[node.file].data
        args = (text.replace(dead.path or "", live) if dead.path in (text, text[5:]) else text for text in node.args)
        yield node.file, set_arguments(data, node.directive, tuple(args))
