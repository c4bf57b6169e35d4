"""Configuration that no daemon would start with."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.scenario import Scenario

NGINX = "nginx.service"

ROWS = (
    Scenario(
        "config-invalid",
        FAULTS["config-invalid"],
        ("config-invalid", NGINX),
        refused=("Mend /etc/nginx/sites-enabled/zz-typo:3", "Do not restart before that"),
    ),
    Scenario(
        "config-invalid-stopped",
        FAULTS["config-invalid-stopped"],
        ("config-invalid", NGINX),
        also=(("service-crashed", NGINX),),
        refused=("/etc/nginx/sites-enabled/zz-typo:3", "systemctl start nginx.service"),
    ),
)
