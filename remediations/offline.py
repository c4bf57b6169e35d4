"""`diagnose --from`: the diagnosis repeated from a bundle, or made of a pasted log; no host is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from remediations import diagnosis, health
from remediations.bundle import evidence, pasted, source
from remediations.bundle.evidence import Absent, Bundle
from remediations.bundle.source import STDIN, Text
from remediations.bundle.typed import DamagedError
from remediations.errors import UsageError
from remediations.host import freshness
from remediations.inventory import Inventory, patterns
from remediations.inventory.host import Host
from remediations.plan import Plan
from remediations.result import HostResult
from remediations.snapshot import Snapshot
from remediations.survey import Survey

SILENT = (
    f"nothing in the {freshness.RECENT_SECONDS // 60} minutes before its newest line names a known cause; a log that "
    "goes on after the fault is best cut where the fault was"
)


def results(path: Path, wanted: Sequence[str]) -> tuple[HostResult, ...]:
    """One for each host of the bundle, or of those that the patterns mean. Raises UsageError."""
    try:
        found = source.read(path)
        if isinstance(found, Text):
            return _of_log(path, found, wanted)
        return _of_bundle(path, evidence.unpack(found.data), wanted)
    except DamagedError as error:
        raise UsageError(f"--from {path}: {error}") from error


def _of_log(path: Path, text: Text, wanted: Sequence[str]) -> tuple[HostResult, ...]:
    if wanted:
        raise UsageError(f"--host {','.join(wanted)}: a log is of one host, whose name it does not tell")
    name = "stdin" if path == STDIN else path.name
    snapshot = pasted.snapshot(name, text.data, cut=text.cut, now=time.time())
    began = f"; the last {source.MOST_LOG_BYTES >> 20} MiB of it" if text.cut else ""
    result = _diagnosed(
        snapshot, f"{name if path == STDIN else path}, a log alone{began}; its newest line counts as now"
    )
    return (result if result.findings else replace(result, error=f"{name}: {SILENT}"),)


def _of_bundle(path: Path, bundle: Bundle, wanted: Sequence[str]) -> tuple[HostResult, ...]:
    names = _chosen(path, bundle, wanted) if wanted else [one.host for one in bundle.hosts]
    told = f"{path}, gathered {bundle.when} by remediate {bundle.tool} in run {bundle.run}; no host was asked now"
    return tuple(_result(one, told) for one in bundle.hosts if one.host in names)


def _chosen(path: Path, bundle: Bundle, wanted: Sequence[str]) -> list[str]:
    """The same patterns as for an inventory, whose groups a bundle does not hold."""
    hosts = tuple(Host(one.host, one.host) for one in bundle.hosts)
    everybody = {"all": tuple(host.name for host in hosts)}
    return [host.name for host in patterns.select(Inventory(path, hosts, everybody), wanted)]


def _result(one: Snapshot | Absent, told: str) -> HostResult:
    if isinstance(one, Absent):
        return HostResult(one.host, one.status, error=one.error, notes=(("from", told),))
    return _diagnosed(one, told)


def _diagnosed(snapshot: Snapshot, told: str) -> HostResult:
    """What a host answers its facts check; what somebody sends may be of the right types and still make no sense."""
    try:
        judged = health.judge(snapshot.answers, snapshot.unasked)
        findings = diagnosis.diagnose(snapshot)
        survey = Survey(snapshot, judged, findings, Plan(snapshot.host), None)
        result = survey.result(diagnose_only=True)
        return replace(result, notes=(("from", told), *result.notes))
    except (ValueError, LookupError, ArithmeticError, RecursionError) as error:
        kind = type(error).__name__
        raise DamagedError(f"what it holds of {snapshot.host} makes no sense ({kind}: {str(error)[:200]})") from error
