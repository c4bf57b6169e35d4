"""Hosts with PHP-FPM for the tests of what edits its pools: files, masters, and workers that take memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from remediations.facts.base import Unknown
from remediations.facts.files import HostFile
from remediations.facts.journal import JournalLine
from remediations.facts.php import Fpm, PhpFiles
from remediations.facts.processes import Memory, Process
from remediations.facts.validation import Verdict
from remediations.findings import Evidence, Finding
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from tests.builders import MACHINE, host_file
from tests.library.units import unit

Pools = Mapping[str, str | bytes]

MIB = 1 << 20
UNIT = "php8.2-fpm.service"
MASTER = 200
OPCACHE = b"zend_extension=opcache.so\nopcache.memory_consumption=128\n"
WAITS = "[global]\nprocess_control_timeout = 10s\n"
"""What keeps the warning of cut requests away."""

WWW = """\
[www]
listen = /run/php/php8.2-fpm.sock
user = www-data
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
"""


def folder(version: str = "8.2") -> str:
    return f"/etc/php/{version}/fpm"


def pool_file(version: str = "8.2", name: str = "www") -> str:
    return f"{folder(version)}/pool.d/{name}.conf"


def pool(name: str, children: int = 5, *, pm: str = "dynamic", listen: str | None = None) -> str:
    """A pool of a few lines; its spare servers are those that go with 5 children."""
    text = f"[{name}]\nlisten = {listen or f'/run/php/{name}.sock'}\npm = {pm}\npm.max_children = {children}\n"
    return text + "pm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n"


def host(
    *versions: tuple[Fpm, Pools],
    workers: Iterable[Process] = (),
    links: Mapping[str, str] | None = None,
) -> Snapshot:
    """A host with these PHP-FPMs; by default version 8.2 with the pool of `WWW`. `links` are pool files by symlink."""
    found: dict[str, HostFile] = {}
    for fpm, pools in versions or (fpm82(),):
        files: dict[str, str | bytes] = {fpm.main: f"{WAITS}include={folder(fpm.version)}/pool.d/*.conf\n", **pools}
        files |= dict.fromkeys(fpm.ini_files, OPCACHE)
        for path, text in files.items():
            real = (links or {}).get(path)
            found[path] = host_file(path, text if isinstance(text, bytes) else text.encode(), real_path=real)
    fpms = tuple(fpm for fpm, _ in versions or (fpm82(),))
    masters = [master(fpm) for fpm in fpms if fpm.master]
    processes = {one.pid: one for one in (*masters, *workers)}
    units = {
        fpm.unit: unit(fpm.unit, MainPID=str(fpm.master or 0), ActiveState="active" if fpm.master else "inactive")
        for fpm in fpms
    }
    return Snapshot("web1", MACHINE, units, (), processes, None, PhpFiles(fpms, found), found, journal=())


def fpm82(
    pools: Mapping[str, str | bytes] | str | None = None, **changed: object
) -> tuple[Fpm, Mapping[str, str | bytes]]:
    """PHP-FPM 8.2 as Debian has it, and its pool files; one text is www.conf."""
    return fpm("8.2", WWW if pools is None else pools, master=MASTER, **changed)


def fpm(version: str, pools: Pools | str, *, master: int | None, **changed: object) -> tuple[Fpm, Pools]:
    ini = f"{folder(version)}/php.ini"
    main = f"{folder(version)}/php-fpm.conf"
    made = Fpm(version, main, f"/usr/sbin/php-fpm{version}", f"php{version}-fpm.service", master, (ini,), ())
    files = {pool_file(version): pools} if isinstance(pools, str) else pools
    return replace(made, **changed), files  # type: ignore[arg-type]  # names of fields, by the tests


def master(fpm: Fpm) -> Process:
    pid = fpm.master or 0
    return Process(pid, 1, 0, 1000, "php-fpm", f"php-fpm: master process ({fpm.main})", fpm.unit, _memory(10))


def workers(count: int, name: str = "www", *, mib: int = 40, age: int = 1000, of: int = MASTER) -> list[Process]:
    """Workers of a pool that need so much each; 1,000 seconds of age are warm."""
    title = f"php-fpm: pool {name}"
    first = 1000 + sum(map(ord, name)) * 10 + of
    return [Process(first + n, of, 33, age, "php-fpm", title, UNIT, _memory(mib)) for n in range(count)]


def _memory(mib: int) -> Memory:
    size = mib * MIB
    return Memory(pss=size, uss=size, peak=size, rss_anon=size, rss_file=0, rss_shmem=8 * MIB)


def exhausted(limit: int, name: str = "www", unit: str = UNIT) -> Finding:
    """What diagnosis says where PHP-FPM's log told it."""
    said = f"server reached pm.max_children setting ({limit}), consider raising it"
    line = f"[22-Nov-2026 13:00:00] WARNING: [pool {name}] {said}"
    evidence = (Evidence("log:/var/log/php8.2-fpm.log", line),)
    return Finding("pool-exhausted", f"{unit}:{name}", "likely", "all busy", evidence, "tune-max-children")


def waiting(name: str = "www", unit: str = UNIT) -> Finding:
    """What diagnosis says where only the socket's queue told it."""
    evidence = (Evidence("socket", "5 connections wait at /run/php/php8.2-fpm.sock (backlog 511)"),)
    return Finding("pool-exhausted", f"{unit}:{name}", "likely", "all busy", evidence, "tune-max-children")


def blocked(name: str = "www", unit: str = UNIT) -> Finding:
    """What diagnosis says where the workers were seen to wait."""
    evidence = (Evidence("process", "5 of the 5 workers that serve a request wait"),)
    return Finding("pool-blocked", f"{unit}:{name}", "likely", "all wait", evidence, None, "See the database.")


def with_memory(snapshot: Snapshot, *, total: int, available: int, cores: int = 2) -> Snapshot:
    """The same host with so many MiB."""
    machine = replace(snapshot.machine, memory_total=total * MIB, memory_available=available * MIB, cores=cores)
    return replace(snapshot, machine=machine)


def disliked(snapshot: Snapshot, output: str, version: str = "8.2") -> Snapshot:
    """The same host where `php-fpm -t` fails with this."""
    verdict = Verdict(f"php-fpm{version} -t", f"{folder(version)}/php-fpm.conf", ok=False, output=output)
    return replace(snapshot, verdicts=(verdict,))


def journal(snapshot: Snapshot, message: str, *, seconds_ago: float, unit: str = UNIT) -> Snapshot:
    line = JournalLine(snapshot.machine.now - seconds_ago, "systemd", unit, message)
    return replace(snapshot, journal=(line,))


def unprivileged(snapshot: Snapshot) -> Snapshot:
    """The same host seen by somebody who is not root: the memory of other users' processes is hidden."""
    assert not isinstance(snapshot.processes, Unknown)
    hidden = {pid: replace(one, memory=None) for pid, one in snapshot.processes.items()}
    return replace(snapshot, machine=replace(snapshot.machine, uid=1000), processes=hidden)


def after(snapshot: Snapshot, proposal: Proposal) -> Snapshot:
    """The host once the proposal's files stand."""
    for change in proposal.files:
        snapshot = snapshot.with_file(change.path, change.after)
    return snapshot


def diff(proposal: Proposal) -> str:
    return "".join(change.diff() for change in proposal.files)


def values(snapshot: Snapshot, name: str = "www", version: str = "8.2") -> tuple[int, int, int, int]:
    """max_children, start, min and max as PHP-FPM would read them."""
    assert not isinstance(snapshot.fpm_versions, Unknown)
    (config,) = (one.config for one in snapshot.fpm_versions if one.fpm.version == version)
    found = config.pool(name)
    assert found is not None
    return (
        found.max_children.value,
        found.start_servers.value,
        found.min_spare_servers.value,
        found.max_spare_servers.value,
    )
