"""Lets nginx open the socket of a PHP-FPM pool: listen.group and listen.mode (or listen.acl_users) in the pool's file.

Reach for it where PHP pages answer 502 with `(13: Permission denied)` and PHP-FPM runs. The pool's file is given the
narrowest values that let nginx's own user in, and PHP-FPM is restarted: a reload keeps the socket as it is. Where the
file says so already, the restart alone is left.

It never writes a mode that lets everybody in: who may open the socket runs PHP as the pool's user. It never changes the
socket itself, which the next restart would undo, nor folders: where one of them keeps nginx out, it says which. It
leaves the sockets of apps that are not PHP to a person, and edits no configuration that does not validate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from remediations.changes import php_fpm
from remediations.changes.unit import UnitAction
from remediations.errors import EditError
from remediations.facts.base import Unknown
from remediations.findings import Finding
from remediations.host import flap_guard
from remediations.php import pools, socket_access
from remediations.php.pools import PoolAt
from remediations.php.socket_access import Grant
from remediations.plan import Proposal
from remediations.snapshot import Snapshot

ID = "fix-socket-permission"
CAUSE = "socket-permission"


@dataclass(frozen=True)
class FixSocketPermission:
    """Acts on findings alone: whether nginx is kept out is tried on the host."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        paths = [one.subject.removeprefix("unix:") for one in findings if one.cause == CAUSE]
        asked = [socket_access.grant(snapshot, path) for path in paths]
        grants = [one for one in asked if isinstance(one, Grant)]
        refusals = (*(one for one in asked if isinstance(one, str)), *_refusals(snapshot, grants))
        if refusals or not grants:
            return Proposal(refusals=tuple(dict.fromkeys(refusals)))
        try:
            files = php_fpm.edited(snapshot, ID, [(one.at, one.values) for one in grants])
        except EditError as error:
            return Proposal(refusals=(str(error),))
        return Proposal(
            files=files,
            actions=tuple(_restarts(snapshot, grants)),
            warnings=tuple(_warnings(snapshot, grants)),
        )


def _refusals(snapshot: Snapshot, grants: Sequence[Grant]) -> Iterator[str]:
    for at in _masters(grants):
        unit = pools.main_unit(snapshot, at.version)
        if text := php_fpm.refusal(snapshot, at.version):
            yield text
        elif unit is None:
            yield f"{at.master} is no unit of systemd: once its pool is mended by hand, start it anew in its own way"
        elif text := flap_guard.DEFAULT.refusal(snapshot, unit.name):
            yield text


def _restarts(snapshot: Snapshot, grants: Sequence[Grant]) -> Iterator[UnitAction]:
    for at in _masters(grants):
        if unit := pools.main_unit(snapshot, at.version):
            yield UnitAction(ID, unit.name, "restart", "to make its socket anew; a reload keeps it as it is")


def _masters(grants: Sequence[Grant]) -> tuple[PoolAt, ...]:
    """One pool of each PHP-FPM."""
    return tuple({grant.at.master: grant.at for grant in grants}.values())


def _warnings(snapshot: Snapshot, grants: Sequence[Grant]) -> Iterator[str]:
    every = () if isinstance(snapshot.fpm_versions, Unknown) else pools.every(snapshot.fpm_versions)
    barred = {grant.at.subject for grant in grants}
    for at in _masters(grants):
        if served := [one.pool.name for one in every if one.master == at.master and one.subject not in barred]:
            yield f"the restart answers what {at.master} is serving for other pools with 502: {', '.join(served)}"
    for grant in grants:
        worker, pool = grant.worker, grant.at.pool
        if grant.values and pool.user.value != worker.user:
            yield f"programs that run as {worker.user} may open it, and so run PHP as {pool.user.value}"
