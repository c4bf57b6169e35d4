"""Results as runs have them, for tests of reports."""

from __future__ import annotations

from remediations.facts.validation import Verdict
from remediations.findings import Evidence, Finding
from remediations.health import Health
from remediations.proof import Proof
from remediations.result import Change, HostResult

BAD = Health(False, 502, "nginx", "http://shop.example/: status 502")
GOOD = Health(True, 200, None, "http://shop.example/: 200")
STOPPED = Finding(
    "service-stopped", "php8.2-fpm.service", "certain", "it was stopped",
    (Evidence("journal:php8.2-fpm.service", "Stopped PHP\x1b[2J"),), "restart-service", "Find out who.",
)  # fmt: skip
MASKED = Finding(
    "config-invalid", "/etc/nginx/x", "certain", "typo", (Evidence("file:/etc/nginx/x", "x 1;"),), None, "Fix it."
)
START = Change(("restart-service",), "unit", "php8.2-fpm.service", "start", None, "it is inactive")
EDIT = Change(
    ("upstream-max-fails", "limit-req"), "file", "/etc/nginx/api", "edit",
    "--- /etc/nginx/api\n+++ /etc/nginx/api\n@@ -1 +1 @@\n-a\n+b\n",
)  # fmt: skip
PROVEN = Proof(True, (Verdict("nginx -t", "/etc/nginx/nginx.conf", True, ""),), None)
HASH = "0123456789abcdef" * 4

RESULTS = {
    "ok": HostResult("web1", "ok", before=GOOD),
    "diagnosed": HostResult("web1", "diagnosed", before=BAD, findings=(STOPPED,)),
    "planned": HostResult(
        "web1", "planned", before=BAD, findings=(STOPPED, MASKED), changes=(EDIT, START), proof=PROVEN, plan=HASH,
        warnings=("careful",), notes=(("tune-max-children", "40 = 2000 / 50"),),
    ),
    "changed": HostResult(
        "web1", "changed", BAD, GOOD, (STOPPED,), (EDIT, START), plan=HASH, restore="ssh web1 <undo",
        undo="20261122T130500Z-7f3a9c",
    ),
    "failed": HostResult("web1", "failed", before=BAD, findings=(MASKED,)),
    "rolled_back": HostResult("web1", "rolled_back", BAD, BAD, (STOPPED,), (), (EDIT,), error="web1: still bad"),
    "refused": HostResult("web1", "refused", before=BAD, error="web1: nginx -t does not accept it"),
    "refused without root": HostResult("web1", "refused", error="web1: sudo needs a password"),
    "needs_human": HostResult("web1", "needs_human", before=BAD, error="web1: a person must look"),
    "unknown": HostResult("web1", "unknown", before=BAD, error="web1: the connection was lost"),
    "unreachable": HostResult("web1", "unreachable", error="web1: connect to 10.0.0.1:22: connection refused"),
    "locked": HostResult("web1", "locked", before=BAD, error="web1: another run holds the lock"),
    "undiagnosed": HostResult("web1", "undiagnosed", before=BAD),
    "declined": HostResult("web1", "declined", before=BAD, findings=(STOPPED,)),
    "interrupted": HostResult("web1", "declined", error="web1: interrupted before anything was changed"),
}  # fmt: skip
