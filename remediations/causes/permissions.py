"""Permissions: somebody listens on a unix socket, and nginx's user may not open it, or not pass a folder before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations import health
from remediations.editors.nginx_address import Address
from remediations.facts.base import Unknown
from remediations.facts.paths import PathStatus
from remediations.findings import Evidence, Finding
from remediations.host import listening, topology
from remediations.nginx import access, complaints
from remediations.nginx.access import Barrier
from remediations.nginx.complaints import Saying
from remediations.php import socket_access
from remediations.php.socket_access import Grant
from remediations.snapshot import Snapshot

SAID = Saying(
    "socket-permission",
    re.compile(r"connect\(\) to unix:\S+ failed \(13: Permission denied\)"),
    "nginx may not open {subject}: its owner, group or mode, or its folder's, keep nginx out",
    "Let nginx's user write to it where it is made, and restart what makes it.",
)  # fmt: skip
NEVER = "A chmod of the socket is lost at the next restart; chmod 777 lets every user of the host in."


@dataclass(frozen=True)
class _Verdict:
    summary: str
    remediation: str | None
    advice: str


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """One a socket: said by nginx's log, or, where that is not read, tried as nginx's user while the site is bad."""
    said = {one.subject.removeprefix("unix:"): one.evidence for one in complaints.findings(snapshot, (SAID,))}
    for path in dict.fromkeys((*said, *_tried(snapshot))):
        verdict = _verdict(snapshot, path)
        evidence = (*said.get(path, ()), *_rights(snapshot, path))
        yield Finding(
            SAID.cause, f"unix:{path}", "certain", verdict.summary, evidence, verdict.remediation, verdict.advice
        )


def _tried(snapshot: Snapshot) -> Iterator[str]:
    """The sockets that somebody listens on and that nginx's user could not open, on a host whose site is bad."""
    if health.judge(snapshot.answers).ok is not False:
        return
    for address in topology.backend_addresses(snapshot):
        barrier = access.barrier(snapshot, address.path) if address.path else None
        if address.path and barrier and barrier.tried and listening.listener(snapshot, address):
            yield address.path


def _rights(snapshot: Snapshot, path: str) -> Iterator[Evidence]:
    """As whom nginx connects; the rights of the socket, of its folder and of whatever else keeps nginx out."""
    worker = snapshot.worker
    if not isinstance(worker, Unknown):
        yield Evidence("process", f"nginx's workers run as {worker.user} (groups: {', '.join(worker.groups)})")
    barrier = access.barrier(snapshot, path)
    way = access.on_the_way(snapshot, path)
    for status in way:
        if status in way[-2:] or (barrier and status == barrier.status):
            yield Evidence(f"file:{status.path}", status.rights)


def _verdict(snapshot: Snapshot, path: str) -> _Verdict:
    barrier, worker = access.barrier(snapshot, path), snapshot.worker
    if isinstance(worker, Unknown):
        return _Verdict(SAID.summary.format(subject=f"unix:{path}"), None, f"{SAID.advice} {NEVER}")
    if barrier is None:
        return _Verdict(
            f"the kernel forbids nginx to open unix:{path}, though its mode lets {worker.user} in",
            None,
            f"An ACL, AppArmor or SELinux forbids it: getfacl {path}; journalctl -k -g 'apparmor|avc'; ausearch -m avc "
            f"-ts recent. {NEVER} Never setenforce 0.",
        )
    what = f"nginx runs as {worker.user}, which may not "
    what += f"pass {barrier.status.path} on the way to unix:{path}" if _folder(barrier) else f"open unix:{path}"
    if barrier.gone_anew:
        why = f"{worker.user} was given a group that may after nginx's workers were started: a reload lets them know."
        return _Verdict(what, "reload-nginx", why)
    if _folder(barrier):
        return _Verdict(what, None, _open_folder(barrier.status, worker.user))
    found = socket_access.grant(snapshot, path)
    if isinstance(found, Grant):
        return _Verdict(what, "fix-socket-permission", _restarted(found))
    if socket_access.pool_at(snapshot, path):
        return _Verdict(what, None, f"{found}. {NEVER}")
    return _Verdict(what, None, f"{_open_app(snapshot, path, worker.group)} {NEVER}")


def _folder(barrier: Barrier) -> bool:
    return barrier.status.is_folder


def _restarted(found: Grant) -> str:
    return f"{found.at.master} is restarted: a reload keeps the socket as it is. {NEVER}"


def _open_folder(status: PathStatus, user: str) -> str:
    """How to let one user through a folder, and where that must stand to last."""
    lasting = (
        "What lies under /run is made anew at each boot or start: let who makes it say so (its unit's "
        "RuntimeDirectoryMode=0755, or tmpfiles.d)."
        if status.path.startswith(("/run/", "/var/run/"))
        else "Better: let the app listen below /run, in a folder that nginx may pass."
    )
    return (
        f"Let {user} pass it and see nothing there: setfacl -m u:{user}:x {status.path} (or chmod o+x {status.path}). "
        f"{lasting} Never chmod 777, nor {user} into the group of somebody's home."
    )


def _open_app(snapshot: Snapshot, path: str, group: str) -> str:
    """Where the program that listens there, which is no PHP-FPM, takes its socket's rights from."""
    found = topology.behind(snapshot, Address(path=path))
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    pids = found.socket.pids if found.socket else ()
    name = next((processes[pid].name for pid in pids if pid in processes and pid != 1), "")
    unit = found.unit or "its unit"
    restart = f"then systemctl daemon-reload && systemctl restart {unit}." if found.unit else "then restart it."
    edit = f"systemctl edit {unit}: [Service] Group={group} and UMask=0007; "
    if name.startswith("gunicorn"):
        return f"{edit}gunicorn takes its own umask: add --umask 007 to its ExecStart; {restart}"
    if name.startswith("uwsgi"):
        return f"In its ini: chmod-socket = 660 and chown-socket = OWNER:{group}; then restart {unit}."
    return f"{edit}{restart} A program that sets the mode itself has an option for that."
