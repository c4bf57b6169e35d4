"""Too little of something: workers, connections, files, disk."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.rows.connecting import RELOAD, WWW
from tests.scenarios.rows.responding import POOL
from tests.scenarios.scenario import Scenario

CONF = "/etc/nginx/nginx.conf"

ROWS = (
    Scenario(
        "pool-exhausted",
        FAULTS["pool-exhausted"],
        ("pool-exhausted", POOL),
        cured=(("edit", WWW), ("reload", "php8.2-fpm.service")),
        options=("--set", "tune-max-children.process_mb=50", "--set", "tune-max-children.available_mb=2000"),
    ),
    Scenario("pool-blocked", FAULTS["pool-blocked"], ("pool-blocked", POOL), refused=("MySQL",)),
    Scenario(
        "nginx-file-limit",
        FAULTS["nginx-file-limit"],
        ("nginx-file-limit", "nginx.service"),
        cured=(("edit", CONF), RELOAD),
    ),
    Scenario(
        "worker-connections",
        FAULTS["worker-connections"],
        ("worker-connections", "nginx.service"),
        cured=(("edit", CONF), RELOAD),
    ),
)
