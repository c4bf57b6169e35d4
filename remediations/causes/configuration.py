"""Configuration: what the daemons would refuse to start with."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from remediations.facts.base import Unknown
from remediations.facts.units import Unit
from remediations.facts.validation import Verdict
from remediations.findings import Evidence, Finding
from remediations.host import taken, topology
from remediations.host.journal import lines_about, those, told
from remediations.nginx import complaints
from remediations.php import pools as php_pools
from remediations.snapshot import FpmVersion, Snapshot

FPM_REFUSES = re.compile(r"\[\d\d-\w{3}-\d{4} [\d:]+\] (?:ERROR|ALERT): (?!FPM initialization failed)")
CONFIG = "78"
"""Its exit code, systemd's 78/CONFIG."""

_POOL = re.compile(r"\[pool (?P<pool>[^\]]{1,255})\] ")
_LIBRARY = re.compile(r"Unable to load dynamic library '(?P<name>[\w./-]{1,200})'")
_MISSED = re.compile(
    r"PHP Fatal error: .{0,2000}(?:Class \"[^\"]+\" not found|undefined (?:function|constant)|could not find driver)",
    re.DOTALL,
)
"""What PHP says of a page that needs what has not been loaded."""
_UNRESOLVED = re.compile(r"host not found in upstream \"(?P<name>[^\":]+)")
_WHERE = re.compile(r"(?: in | file )'?\"?(?P<file>/[^\s:'\"]+)'?\"?(?::| at line | on line )(?P<line>\d+)")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """config-invalid, once a daemon: its validator refuses its files, or PHP-FPM itself did, which sees more."""
    refused = () if isinstance(snapshot.verdicts, Unknown) else tuple(one for one in snapshot.verdicts if not one.ok)
    yield from (_finding(snapshot, verdict) for verdict in refused)
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    for version in versions:
        unit = snapshot.unit(version.fpm.unit)
        if unit and version.fpm.main not in {verdict.subject for verdict in refused}:
            yield from _at_start(snapshot, version, unit)


def _at_start(snapshot: Snapshot, version: FpmVersion, unit: Unit) -> Iterator[Finding]:
    """What `-t` does not try, such as a folder that is not there: exit code 78 at its start, and no edit since."""
    lines = those(lines_about(snapshot, unit), FPM_REFUSES)
    if unit.active_state != "failed" or unit.exec_status != CONFIG or not lines:
        return
    files = (snapshot.files[name] for name in version.config.read if name in snapshot.files)
    if any(taken.SAID.search(line.message) for line in lines) or any(one.changed > lines[-1].time for one in files):
        return
    yield Finding(
        "config-invalid", unit.name, "certain",
        f"{unit.name} cannot start with its configuration, though its -t accepts it",
        (Evidence(f"unit:{unit.name}", f"{unit.active_state}, exit status {CONFIG}"), *told(snapshot, unit, lines)),
        None,
        f"Mend what the line names in {version.fpm.main} or its pools (such as a folder of listen or of a log that is "
        f"not there), then systemctl start {unit.name}. -t does not tell whether it will.",
    )  # fmt: skip


def _finding(snapshot: Snapshot, verdict: Verdict) -> Finding:
    lines = verdict.output.splitlines()
    if not verdict.fatal:
        return _printed(snapshot, verdict, lines)
    telling = [line for line in lines if re.search(r"\[emerg\]|ALERT|ERROR|rror:", line)] or lines or ["no output"]
    place = _place(snapshot, telling) or verdict.subject
    return Finding(
        "config-invalid",
        _unit(snapshot, verdict) or verdict.subject,
        "certain",
        f"{verdict.name} refuses the configuration at {place}",
        tuple(Evidence(f"file:{place}", line) for line in telling[:3]),
        None,
        f"{_name(telling)}Mend {place}, then check with: {verdict.name}. {_then(snapshot, verdict)}",
    )


def _place(snapshot: Snapshot, lines: Sequence[str]) -> str | None:
    """Where the lines say that the fault is; PHP-FPM names the pool alone, which lies in a file of its own."""
    if match := next((match for line in lines if (match := _WHERE.search(line))), None):
        return f"{match['file']}:{match['line']}"
    pools = {match["pool"] for line in lines if (match := _POOL.search(line))}
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    sources = (at.pool.listen.source for at in php_pools.every(versions) if at.pool.name in pools)
    return next((source.file for source in sources if source), None)


def _printed(snapshot: Snapshot, verdict: Verdict, lines: Sequence[str]) -> Finding:
    """PHP-FPM says what it cannot take, and runs without it: a php.ini that does not parse, an extension."""
    telling = [line for line in lines if not line.endswith("test is successful")] or list(lines)
    unit, place = _unit(snapshot, verdict), _place(snapshot, telling) or verdict.subject
    library = next((match["name"] for line in telling if (match := _LIBRARY.search(line))), None)
    fatal = [one for one in complaints.fresh(snapshot, of_apps=True) if _MISSED.search(one.message)]
    missed = tuple(Evidence(one.source, one.text.partition("\n")[0]) for one in fatal[-1:])
    mend = (
        f"Install the extension {library} for this version of PHP again, or take its line out (grep -rn {library} "
        f"{posixpath.dirname(posixpath.dirname(verdict.subject))})"
        if library
        else f"Mend {place}"
    )
    return Finding(
        "config-invalid", unit or verdict.subject, "certain",
        f"PHP starts without {f'the extension {library}' if library else f'what stands from {place} on'}",
        (*(Evidence(f"file:{place}", line) for line in telling[:3]), *missed), None,
        f"{mend}, then look at what {verdict.name} prints: it exits 0 all the same, and PHP-FPM starts, but pages that "
        f"need it fail (500). Then systemctl reload {unit or 'PHP-FPM'}.",
        aside=not missed,
    )  # fmt: skip


def _name(lines: Sequence[str]) -> str:
    """nginx looks up all names when it reads its files, and takes none of them where one is not found."""
    match = next((match for line in lines if (match := _UNRESOLVED.search(line))), None)
    if match is None:
        return ""
    return (
        f"This host cannot resolve {match['name']}: getent ahosts {match['name']} says so, too. Mend its DNS record, "
        "/etc/resolv.conf or /etc/hosts, or take the name out. A running nginx keeps the old address; it cannot start. "
    )


def _then(snapshot: Snapshot, verdict: Verdict) -> str:
    """What comes after the check: a daemon that is down is started, one that runs must not be restarted before it."""
    unit = snapshot.unit(_unit(snapshot, verdict) or "")
    if unit and unit.active_state in ("inactive", "failed"):
        return f"Once that passes: systemctl start {unit.name} (it is {unit.active_state})."
    return "Do not restart before that: a restart with a configuration that does not validate is a full outage."


def _unit(snapshot: Snapshot, verdict: Verdict) -> str | None:
    nginx = topology.nginx_unit(snapshot)
    if snapshot.live_nginx and snapshot.live_nginx.main == verdict.subject:
        return nginx.name if nginx else "nginx"
    versions = () if isinstance(snapshot.php, Unknown) else snapshot.php.versions
    return next((fpm.unit for fpm in versions if fpm.main == verdict.subject and fpm.unit), None)
