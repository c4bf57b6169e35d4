"""Configuration: what the daemons would refuse to start with."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations import topology
from remediations.facts.base import Unknown
from remediations.facts.validation import Verdict
from remediations.findings import Evidence, Finding
from remediations.snapshot import Snapshot

_WHERE = re.compile(r"(?: in | file )'?\"?(?P<file>/[^\s:'\"]+)'?\"?(?::| at line | on line )(?P<line>\d+)")


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """config-invalid, once a daemon whose validator refuses its files."""
    if isinstance(snapshot.verdicts, Unknown):
        return
    for verdict in snapshot.verdicts:
        if not verdict.ok:
            yield _finding(snapshot, verdict)


def _finding(snapshot: Snapshot, verdict: Verdict) -> Finding:
    lines = verdict.output.splitlines()
    telling = [line for line in lines if re.search(r"\[emerg\]|ERROR|rror:", line)] or lines or ["no output"]
    match = next((match for line in telling if (match := _WHERE.search(line))), None)
    place = f"{match['file']}:{match['line']}" if match else verdict.subject
    return Finding(
        "config-invalid",
        _unit(snapshot, verdict) or verdict.subject,
        "certain",
        f"{verdict.name} refuses the configuration at {place}",
        tuple(Evidence(f"file:{place}", line) for line in telling[:3]),
        None,
        f"Mend {place}, then check with: {verdict.name}. {_then(snapshot, verdict)}",
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
