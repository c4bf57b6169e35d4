"""Configuration that no daemon would start with."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.rows.services import FPM
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
    Scenario(
        "config-invalid-at-start",
        FAULTS["config-invalid-at-start"],
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("unable to bind listening socket", "-t does not tell whether it will"),
    ),
    Scenario(
        "config-invalid-reload",
        FAULTS["config-invalid-reload"],
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("php-fpm8.2 -t",),
    ),
    Scenario(
        "reload-not-applied",
        FAULTS["reload-not-applied"],
        ("reload-not-applied", NGINX),
        refused=("[emerg]",),
    ),
    Scenario(
        "reload-zone-changed",
        FAULTS["reload-zone-changed"],
        ("reload-not-applied", NGINX),
        cured=(("restart", NGINX),),
    ),
)
