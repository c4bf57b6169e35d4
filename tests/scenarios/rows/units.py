"""Units that systemd cannot start, ports that somebody else holds, reloads that did not take."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.scenario import Named, Scenario

FPM, NGINX = "php8.2-fpm.service", "nginx.service"


def both(cause: str) -> tuple[Named, tuple[Named, ...]]:
    """Of both apps."""
    return (cause, "app@8001.service"), ((cause, "app@8002.service"),)


ROWS = (
    Scenario("unit-broken", FAULTS["unit-broken"], *both("unit-broken"), refused=("203/EXEC", "/usr/bin/php8.1")),
    Scenario("unit-broken-user", FAULTS["unit-broken-user"], *both("unit-broken"), refused=("217/USER",)),
    Scenario("unit-broken-folder", FAULTS["unit-broken-folder"], *both("unit-broken"), refused=("200/CHDIR",)),
    Scenario(
        "unit-broken-resources",
        FAULTS["unit-broken-resources"],
        *both("unit-broken"),
        refused=("Failed to load environment files",),
    ),
    Scenario("unit-masked", FAULTS["unit-masked"], ("unit-masked", FPM), refused=(f"systemctl unmask {FPM}",)),
    Scenario("unit-not-found", FAULTS["unit-not-found"], ("unit-not-found", FPM), refused=("dpkg -S",)),
    Scenario(
        "port-conflict",
        FAULTS["port-conflict"],
        ("port-conflict", NGINX),
        refused=("other-web.service, listens at 0.0.0.0:80", "systemctl disable --now other-web.service"),
        options=("--health-url", "http://127.0.0.1/"),
    ),
    Scenario(
        "port-conflict-fpm",
        FAULTS["port-conflict-fpm"],
        ("port-conflict", FPM),
        refused=("by-hand.scope, listens at /run/php/php8.2-fpm.sock", "--allow end-orphan"),
    ),
    Scenario("port-orphan", FAULTS["port-orphan"], *both("port-conflict"), refused=("--allow end-orphan",)),
    Scenario(
        "config-invalid-at-start",
        FAULTS["config-invalid-at-start"],
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("/run/shop/php.sock",),
    ),
    Scenario(
        "config-invalid-reload",
        FAULTS["config-invalid-reload"],
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("pm.start_servers(50)",),
    ),
    Scenario(
        "reload-not-applied",
        FAULTS["reload-not-applied"],
        ("reload-not-applied", NGINX),
        refused=("app@8002.service, listens at 127.0.0.1:8002", "Do not restart before that"),
    ),
    Scenario(
        "reload-zone-changed",
        FAULTS["reload-zone-changed"],
        ("reload-not-applied", NGINX),
        cured=(("restart", NGINX),),
    ),
)
