"""The report for programs: the JSON contract, secrets masked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from remediations import masking
from remediations.findings import Finding
from remediations.health import Health
from remediations.proof import Proof
from remediations.report import history
from remediations.result import Change, HostResult
from remediations.steadiness import Check

SCHEMA = 1


def render(run: str, results: Sequence[HostResult], *, dry_run: bool) -> str:
    """The whole document, one host an entry, in the order of the run."""
    document = {"schema": SCHEMA, "run": run, "dry_run": dry_run, "hosts": [_host(result) for result in results]}
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _host(result: HostResult) -> dict[str, Any]:
    told = {} if result.history is None else {"history": history.data(result.host, result.history)}
    checked = {"checks": [_check(check) for check in result.checks]} if result.checks else {}
    return (
        told
        | checked
        | {
            "host": result.host,
            "status": result.status,
            "health": {"before": _health(_before(result)), "after": _health(result.after)},
            "findings": [_finding(finding) for finding in result.findings],
            "changes": [_change(change) for change in result.changes],
            "undone": [_change(change) for change in result.undone],
            "notes": [f"{name}: {masking.text(note)}" for name, note in result.notes],
            "warnings": [masking.text(warning) for warning in result.warnings],
            "proof": _proof(result.proof),
            "plan": result.plan,
            "restore": result.restore,
            "held": None if result.held is None else {"run": result.held.run, "seconds": result.held.seconds},
            "error": None if result.error is None else masking.text(result.error),
            "seconds": {name: round(seconds, 3) for name, seconds in result.seconds.items()},
        }
    )


def _before(result: HostResult) -> Health | None:
    """None says that the host was not reached; where only the site was not asked (no sudo), it is unknown."""
    if result.before is None and result.status != "unreachable":
        return Health(None, None, None, "the site was not asked")
    return result.before


def _health(health: Health | None) -> dict[str, Any] | None:
    if health is None:
        return None
    return {
        "ok": health.ok, "status": health.status, "layer": health.layer, "summary": masking.text(health.summary),
    }  # fmt: skip


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "ok": check.ok, "text": masking.text(check.text)}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "cause": finding.cause,
        "subject": finding.subject,
        "confidence": finding.confidence,
        "summary": masking.text(finding.summary),
        "evidence": [{"source": one.source, "text": masking.text(one.text)} for one in finding.evidence],
        "remediation": finding.remediation,
        "advice": None if finding.advice is None else masking.text(finding.advice),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "remediation": change.remediations[0],
        "remediations": list(change.remediations),
        "kind": change.kind,
        "target": change.target,
        "action": change.action,
        "diff": change.diff,
    }


def _proof(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    checks = [{"name": one.name, "ok": one.ok, "output": masking.text(one.output)} for one in proof.checks]
    return {"proven": proof.proven, "checks": checks, "reason": proof.reason}
