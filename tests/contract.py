"""The JSON contract to the letter: a document's keys, types and words, and what a status implies."""

from __future__ import annotations

import re
from typing import Any, get_args

from remediations.result import Status

STATUSES = get_args(Status)
LAYERS = ("nginx", "apache", "app", "php", "wordpress", "cloudflare", "alb", "network", None)
SOURCE = re.compile(r"(?:log:/.+|journal:.+|unit:.+|file:/.+|socket|http|df|kernel|process)")
HOST = {
    "host", "status", "health", "findings", "changes", "undone", "notes", "warnings", "proof", "plan", "restore",
    "held", "error", "seconds",
}  # fmt: skip
RUN = {
    "run", "state", "when", "until", "who", "from", "remediations", "undoes", "undone_by", "files", "acts", "advice",
}  # fmt: skip
FINDING = {"cause", "subject", "confidence", "summary", "evidence", "remediation", "advice"}
CHANGE = {"remediation", "remediations", "kind", "target", "action", "diff"}


def check(document: dict[str, Any]) -> None:
    """Fails where the document is not what the contract says."""
    assert set(document) == {"schema", "run", "dry_run", "hosts"}
    assert document["schema"] == 1
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", document["run"])
    assert isinstance(document["dry_run"], bool)
    assert document["hosts"]
    for host in document["hosts"]:
        _check_host(host, dry_run=document["dry_run"])


def _check_host(host: dict[str, Any], *, dry_run: bool) -> None:
    assert set(host) - {"history", "checks"} == HOST
    for check in host.get("checks", []):
        assert set(check) == {"name", "ok", "text"}
        assert check["ok"] in (True, False, None)
    if "history" in host:
        _check_history(host["history"])
    assert host["status"] in STATUSES
    assert set(host["health"]) == {"before", "after"}
    for health in host["health"].values():
        _check_health(health)
    assert (host["health"]["before"] is None) == (host["status"] == "unreachable")
    for finding in host["findings"]:
        _check_finding(finding)
    for change in (*host["changes"], *host["undone"]):
        _check_change(change)
    _check_proof(host["proof"])
    assert all(isinstance(line, str) for line in (*host["notes"], *host["warnings"]))
    assert host["plan"] is None or re.fullmatch(r"[0-9a-f]{64}", host["plan"])
    assert all(seconds >= 0 for seconds in host["seconds"].values())
    assert host["error"] is None or host["error"].startswith(host["host"])
    _check_status(host, dry_run=dry_run)


def _check_status(host: dict[str, Any], *, dry_run: bool) -> None:
    status, health = host["status"], host["health"]
    if status in ("ok", "changed") and "history" not in host:
        assert (health["after"] or health["before"])["ok"] is True
    if status in ("unreachable", "refused", "declined", "locked", "ok", "undiagnosed", "rolled_back"):
        assert host["changes"] == []
    if status == "planned":
        assert dry_run
    if status in ("planned", "changed"):
        assert host["changes"]
    if status == "diagnosed":
        assert host["findings"]
    if status in ("unreachable", "refused", "locked", "rolled_back", "needs_human", "unknown"):
        assert host["error"]


def _check_history(history: dict[str, Any]) -> None:
    assert set(history) == {"runs", "open", "holder", "damaged"}
    for run in history["runs"]:
        assert set(run) == RUN
        assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}(-restore)?", run["run"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run["when"])
        assert all(set(file) == {"path", "before", "after"} for file in run["files"])
        assert all(set(act) == {"action", "unit"} for act in run["acts"])


def _check_health(health: dict[str, Any] | None) -> None:
    if health is None:
        return
    assert set(health) == {"ok", "status", "layer", "summary"}
    assert health["ok"] in (True, False, None)
    assert health["status"] is None or 100 <= health["status"] <= 599
    assert health["layer"] in LAYERS
    assert health["summary"]


def _check_finding(finding: dict[str, Any]) -> None:
    assert set(finding) == FINDING
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", finding["cause"])
    assert finding["confidence"] in ("certain", "likely", "possible", "unknown")
    assert finding["summary"]
    assert finding["evidence"] or finding["cause"] == "unknown"
    for evidence in finding["evidence"]:
        assert set(evidence) == {"source", "text"}
        assert SOURCE.fullmatch(evidence["source"]), evidence
    assert finding["remediation"] or finding["advice"]


def _check_change(change: dict[str, Any]) -> None:
    assert set(change) == CHANGE
    assert change["kind"] in ("unit", "file", "command")
    assert (change["diff"] is None) == (change["kind"] != "file")
    assert change["remediation"] == change["remediations"][0]
    assert change["target"]
    assert change["action"] in ("create", "edit", "delete", "start", "restart", "reload", "daemon-reload")


def _check_proof(proof: dict[str, Any] | None) -> None:
    if proof is None:
        return
    assert set(proof) == {"proven", "checks", "reason"}
    assert isinstance(proof["proven"], bool)
    for one in proof["checks"]:
        assert set(one) == {"name", "ok", "output"}
