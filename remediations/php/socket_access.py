"""What a pool's file must say so that nginx's worker may open its socket, or why that is not the pool's to give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediations.editors.fpm_pool import Pool
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.facts.worker import Worker
from remediations.host import listening
from remediations.nginx import access
from remediations.php import pools
from remediations.php.pools import PoolAt
from remediations.snapshot import Snapshot

DEFAULT_MODE = "0660"
KEYS = ("listen.owner", "listen.group", "listen.mode", "listen.acl_users", "listen.acl_groups")


@dataclass(frozen=True)
class Grant:
    """`values` are to stand in the pool's file; none where they do, and the socket is older than they are."""

    at: PoolAt
    worker: Worker
    values: Mapping[str, str]


def pool_at(snapshot: Snapshot, path: str) -> PoolAt | None:
    """The pool that listens on this socket now: its PHP-FPM holds it, and its file names it."""
    socket = listening.listener(snapshot, Address(path=path))
    if socket is None or isinstance(snapshot.fpm_versions, Unknown):
        return None
    held = (at for at in pools.every(snapshot.fpm_versions) if at.version.fpm.master in socket.pids)
    return next((at for at in held if _same(snapshot, at.pool.listen.value, path)), None)


def _same(snapshot: Snapshot, listen: str | None, path: str) -> bool:
    return bool(listen) and listening.plain_path(listen or "") in listening.spellings(snapshot, path)


def grant(snapshot: Snapshot, path: str) -> Grant | str:
    """What the pool behind this socket is to say, or why nothing that it says would help."""
    if isinstance(snapshot.worker, Unknown):
        return f"as whom nginx connects is not known: {snapshot.worker.reason}"
    at = pool_at(snapshot, path)
    if at is None:
        return f"{path} is not the socket of a pool of PHP-FPM that runs"
    barrier = access.barrier(snapshot, path)
    if barrier is None:
        return f"nothing is seen that keeps {snapshot.worker.user} from {path}"
    if barrier.status.is_folder:
        user, folder = snapshot.worker.user, barrier.status
        return f"the folder {folder.path} keeps {user} out ({folder.rights}): setfacl -m u:{user}:x {folder.path}"
    if unset := next((key for key in KEYS if not _known(at.pool, key)), None):
        return f"{unset} of pool {at.subject} is an expression that only PHP can evaluate: change it there"
    if _master_user(snapshot, at) != "root":
        return f"{at.master} does not run as root, so it cannot give its socket to another group"
    values = _wanted(at.pool, snapshot.worker)
    if not values and _as_said(at.pool, barrier.status):
        return (
            f"{path} is as pool {at.subject} says, and yet {snapshot.worker.user} may not open it: see getfacl {path}"
        )
    return Grant(at, snapshot.worker, values)


def _known(pool: Pool, key: str) -> bool:
    located = pool.entries.get(key)
    return located is None or located.entry.evaluated


def _master_user(snapshot: Snapshot, at: PoolAt) -> str | None:
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    master = processes.get(at.version.fpm.master or 0)
    return None if master is None else "root" if master.uid == 0 else str(master.uid)


def _wanted(pool: Pool, worker: Worker) -> dict[str, str]:
    """The narrowest that lets the worker in. With an ACL PHP-FPM ignores owner and group; without, the owner stays."""
    if pool.listen_acl_users.value or pool.listen_acl_groups.value:
        users = [name.strip() for name in (pool.listen_acl_users.value or "").split(",") if name.strip()]
        named = worker.user in users or bool({*_names(pool.listen_acl_groups.value)} & {*worker.groups})
        return {} if named else {"listen.acl_users": ",".join((*users, worker.user))}
    mode = _mode(pool)
    if (pool.listen_owner.value or "root") == worker.user:
        return {} if mode & 0o200 else {"listen.mode": _written(mode | 0o600)}
    group = {} if _group(pool) in worker.groups else {"listen.group": worker.group}
    return group if mode & 0o020 else {**group, "listen.mode": _written(mode | 0o060)}


def _names(text: str | None) -> Iterator[str]:
    yield from (name.strip() for name in (text or "").split(",") if name.strip())


def _group(pool: Pool) -> str:
    """Without a group PHP-FPM takes the owner's, which is mostly called like the owner."""
    return pool.listen_group.value or pool.listen_owner.value or "root"


def _mode(pool: Pool) -> int:
    text = pool.listen_mode.value or DEFAULT_MODE
    return int(text, 8) if all(digit in "01234567" for digit in text) else 0


def _written(mode: int) -> str:
    """Never for everybody: whoever may open the socket runs PHP as the pool's user."""
    return f"{mode & 0o660:04o}"


def _as_said(pool: Pool, status: PathStatus) -> bool:
    if pool.listen_acl_users.value or pool.listen_acl_groups.value:
        return False
    owner = pool.listen_owner.value or "root"
    return (status.owner, status.group, int(status.mode, 8)) == (owner, _group(pool), _mode(pool))
