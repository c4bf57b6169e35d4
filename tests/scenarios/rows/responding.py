"""Those behind nginx take the request and give no answer that nginx could pass on."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.rows.connecting import RELOAD, SITE
from tests.scenarios.scenario import Scenario

PHP = "unix:/run/php/php8.2-fpm.sock"
POOL = "php8.2-fpm.service:www"

ROWS = (
    Scenario("header-too-big", FAULTS["header-too-big"], ("header-too-big", PHP), cured=(("edit", SITE), RELOAD)),
    Scenario(
        "upstream-closed",
        FAULTS["upstream-closed"],
        ("upstream-closed", "127.0.0.1:8001"),
        also=(("upstream-closed", "127.0.0.1:8002"),),
        refused=("the app's own log",),
    ),
    Scenario(
        "protocol-mismatch",
        FAULTS["protocol-mismatch"],
        ("protocol-mismatch", "127.0.0.1:8001"),
        refused=("Use proxy_pass",),
    ),
    Scenario("slow-upstream", FAULTS["slow-upstream"], ("slow-upstream", PHP), refused=("slow log",)),
    Scenario("worker-segfault", FAULTS["worker-segfault"], ("worker-segfault", POOL), refused=("extension",)),
    Scenario("worker-killed", FAULTS["worker-killed"], ("worker-killed", POOL), refused=("kill",)),
    Scenario(
        "request-terminated",
        FAULTS["request-terminated"],
        ("request-terminated", POOL),
        refused=("request_terminate_timeout",),
    ),
    Scenario("truncated-body", FAULTS["truncated-body"], ("truncated-body", PHP), refused=("Content-Length",)),
    Scenario(
        "stale-keepalive",
        FAULTS["stale-keepalive"],
        ("stale-keepalive", "app"),
        refused=("keepalive_timeout", "No proxy_next_upstream non_idempotent"),
    ),
)
