"""What no lab host can show: its evidence is put into the recorded answers of a host that is broken in a like way."""

from __future__ import annotations

import re
from dataclasses import replace

from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot
from tests.scenarios.scenario import Scenario

CLOSED = re.compile(rb"\[error\] (\S+ \*\d+) upstream prematurely closed connection .*? (?=client: .*://([^/]+)/)")


def selinux() -> Snapshot:
    """Its policy forbids nginx to connect to the apps, as it does on RHEL until httpd_can_network_connect is on."""
    closed = snapshot("upstream-closed")
    assert not isinstance(closed.logs, Unknown)
    text = rb"[crit] \1 connect() to \2 failed (13: Permission denied) while connecting to upstream, "
    logs = {path: Log(path, CLOSED.sub(text, log.data), log.cut) for path, log in closed.logs.items()}
    assert logs != closed.logs
    return replace(closed, logs=logs)


ROWS = (
    Scenario(
        "selinux-denied",
        recorded=selinux,
        first=("selinux-denied", "127.0.0.1:8001"),
        also=(("selinux-denied", "127.0.0.1:8002"),),
        refused=("setsebool -P httpd_can_network_connect 1", "Never setenforce 0"),
    ),
)
