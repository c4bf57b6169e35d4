"""Starting a host on its overlay, in its own namespaces and cgroup, and knowing when it serves."""

import os
import re
import shlex
import socket
import time
from pathlib import Path

from tests.lab import cgroup
from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.paths import RUNTIME
from tests.lab.record import Record

PORTS = frozenset({22, 80, 8001, 8002})
PHP_SOCKET = b"/run/php/php8.2-fpm.sock"
START = "/usr/local/sbin/lab-start"
"""What a host without systemd runs instead of it."""
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def start(record: Record, timeout: float = 30) -> None:
    """Boots the host and returns once its start-up has ended and every server of its sites listens."""
    _raise_inotify_limit()
    cgroup.create(record.id)
    deadline = time.monotonic() + timeout
    try:
        _leader_file(record).write_text(str(_launch(record, deadline)))
        _await_servers(record, deadline)
    except (LabError, OSError) as error:
        raise LabError(f"{record.name}: did not start: {error}\n{_log_tail(record)}") from error


def leader(record: Record) -> int:
    """The pid, as this machine counts, of the host's PID 1; LabError where the host is down."""
    path = _leader_file(record)
    pid = int(path.read_text()) if path.exists() else 0
    if not pid or not cgroup.holds(record.id, pid):
        raise LabError(f"{record.name}: is not running")
    return pid


def running(record: Record) -> bool:
    try:
        leader(record)
    except LabError:
        return False
    return True


def clean_up(record: Record) -> None:
    """Removes what systemd-nspawn leaves of a container that was killed."""
    run("rm", "-rf", f"/run/systemd/nspawn/propagate/{record.id}", f"/run/systemd/nspawn/unix-export/{record.id}")
    _leader_file(record).unlink(missing_ok=True)


def _launch(record: Record, deadline: float) -> int:
    """Starts systemd-nspawn and waits until it says READY, which systemd does when its last start-up job has ended."""
    address = RUNTIME / f"{record.id}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        try:
            ready.bind(str(address))
            ready.settimeout(0.5)
            env = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "NOTIFY_SOCKET": str(address)}
            run("setsid", "--fork", "sh", "-c", _start_script(record), env=env)
            return _await_ready(record, ready, deadline)
        finally:
            address.unlink(missing_ok=True)


def _start_script(record: Record) -> str:
    """A shell that moves into the host's cgroup and becomes systemd-nspawn there, so all that follows is in it."""
    moves = [f"echo $$ >{shlex.quote(str(folder))}/cgroup.procs" for folder in cgroup.folders(record.id)]
    nspawn = [
        *("systemd-nspawn", f"--directory={record.root}", f"--machine={record.id}", f"--hostname={record.name}"),
        *("--register=no", "--keep-unit", f"--network-namespace-path=/run/netns/{record.netns}"),
        *("--capability=CAP_NET_ADMIN,CAP_SYSLOG", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
        *("--console=read-only", *_payload(record)),
    ]
    log = shlex.quote(str(record.boot_log))
    return " && ".join([*moves, f"exec {shlex.join(nspawn)} </dev/null >>{log} 2>&1"])


def _payload(record: Record) -> list[str]:
    if (record.root / START.lstrip("/")).exists():
        return ["--as-pid2", START]
    return ["--boot", "--notify-ready=yes"]


def _await_ready(record: Record, ready: socket.socket, deadline: float) -> int:
    pid = 0
    while time.monotonic() < deadline:
        try:
            message = ready.recv(4096)
        except TimeoutError:
            if not cgroup.populated(record.id):
                raise LabError("systemd-nspawn ended at once") from None
            continue
        found = re.search(rb"X_NSPAWN_LEADER_PID=(\d+)", message)
        pid = int(found[1]) if found else pid
        if b"READY=1" in message and pid:
            return pid
    raise LabError("start-up did not end in time")


def _await_servers(record: Record, deadline: float) -> None:
    """Looks from outside and knocks nowhere: an early request makes nginx avoid an app server for ten seconds."""
    while missing := _not_listening(leader(record)):
        if time.monotonic() > deadline:
            raise LabError(f"nothing listens on {', '.join(missing)}")
        time.sleep(0.01)


def _not_listening(pid: int) -> list[str]:
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}
    sockets = Path(f"/proc/{pid}/net/unix").read_bytes()
    absent = [] if PHP_SOCKET in sockets else [PHP_SOCKET.decode()]
    return [*(f"port {port}" for port in sorted(PORTS - ports)), *absent]


def _raise_inotify_limit() -> None:
    """Each systemd takes about a dozen of 128; the limit stays raised, since other hosts may come to rely on it."""
    if int(INSTANCES.read_text()) < 4096:
        INSTANCES.write_text("4096")


def _leader_file(record: Record) -> Path:
    return record.directory / "leader"


def _log_tail(record: Record) -> str:
    if not record.boot_log.exists():
        return "(no boot log)"
    return "\n".join(record.boot_log.read_text(errors="backslashreplace").splitlines()[-15:])
