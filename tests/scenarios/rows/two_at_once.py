"""Two faults at once: all of it is found, in the order of cause, and what can be cured is."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.faults import FAULTS
from tests.lab.host import LabHost
from tests.lab.operator_faults import passed_to_ssh, port_typo
from tests.scenarios.rows.configuration import NGINX
from tests.scenarios.rows.connecting import CLOSED, RELOAD, RESTART_FPM, SITE, WWW
from tests.scenarios.rows.responding import POOL
from tests.scenarios.rows.services import FPM, START_APPS, START_FPM
from tests.scenarios.scenario import SITES, Scenario


def both(*names: str) -> Callable[[LabHost], None]:
    """These faults, one after the other."""

    def breaks(host: LabHost) -> None:
        for name in names:
            FAULTS[name](host)

    return breaks


def old_socket_and_headers(host: LabHost) -> None:
    """The shop names a socket of an older PHP; the legacy site's cookies have grown."""
    host.sh(f"sed -i 's,php8.2-fpm.sock,php7.4-fpm.sock,' {SITE} && mkdir /var/www/legacy")
    host.write("/var/www/legacy/index.php", b"<?php header('X-Big: ' . str_repeat('x', 9000)); echo 'ok from php';\n")
    host.sh("sed -i 's,/var/www/shop,/var/www/legacy,' /etc/nginx/sites-available/legacy && systemctl restart nginx")


def stopped_and_tls(host: LabHost) -> None:
    """One app of the group is stopped; another site speaks TLS to the other one, which does not."""
    host.write(
        "/etc/nginx/sites-enabled/pay",
        b"server { listen 80; server_name pay.example; location / { proxy_pass https://127.0.0.1:8002; } }\n",
    )
    host.sh("nginx -t -q && systemctl restart nginx && systemctl stop app@8001")


def deleted_and_ssh(host: LabHost) -> None:
    passed_to_ssh(host)
    FAULTS["socket-deleted"](host)


def permission_and_typo(host: LabHost) -> None:
    port_typo(host)
    FAULTS["socket-permission"](host)


ROWS = (
    Scenario(
        "service-crashed and apps-stopped",
        both("apps-stopped", "service-crashed"),
        ("service-crashed", FPM),
        also=(("service-stopped", "app@8001.service"), ("service-stopped", "app@8002.service")),
        cured=(*START_APPS[:2], *START_FPM, START_APPS[2]),
    ),
    Scenario(
        "service-crashed and address-mismatch",
        both("address-mismatch", "service-crashed"),
        ("service-crashed", FPM),
        also=(("address-mismatch", "127.0.0.1:8001"), ("address-mismatch", "127.0.0.1:8002")),
        cured=START_FPM,
        refused=("[::1]:8001",),
    ),
    Scenario(
        "config-invalid and service-stopped",
        both("config-invalid", "service-stopped"),
        ("config-invalid", NGINX),
        also=(("service-stopped", FPM),),
        cured=START_FPM,
    ),
    Scenario(
        "socket-path-mismatch and header-too-big elsewhere",
        old_socket_and_headers,
        ("socket-path-mismatch", "unix:/run/php/php7.4-fpm.sock"),
        also=(("header-too-big", "unix:/run/php/php8.1-fpm.sock"),),
        cured=(("edit", "/etc/nginx/sites-available/legacy"), RELOAD),
        refused=("fix-socket-path.socket=PATH",),
        variant="two-php",
        sites={**SITES, "legacy.example": "ok from php"},
    ),
    Scenario(
        "app-8001-stopped and tls-mismatch elsewhere",
        stopped_and_tls,
        ("tls-mismatch", "127.0.0.1:8002"),  # the group of the stopped one still answers
        also=(("service-stopped", "app@8001.service"),),
        cured=(("start", "app@8001.service"),),
        refused=("http://",),
        sites={**SITES, "pay.example": "ok from app"},
    ),
    Scenario(
        "pool-exhausted and apps-stopped",
        both("pool-exhausted", "apps-stopped"),
        ("service-stopped", "app@8001.service"),
        also=(("service-stopped", "app@8002.service"), ("pool-exhausted", f"{FPM}:www")),
        cured=(*START_APPS[:2], RELOAD),
        refused=("pool www has all of its 2 workers busy",),
    ),
    Scenario(
        "dns-failure and service-crashed",
        both("dns-failure", "service-crashed"),
        ("service-crashed", FPM),
        also=(("dns-failure", "backend.internal"),),
        cured=START_FPM,
        refused=("resolver",),
    ),
    Scenario(
        "socket-deleted and the API passed to sshd",
        deleted_and_ssh,
        ("socket-deleted", FPM),
        also=(("protocol-mismatch", "127.0.0.1:22"),),
        cured=(RESTART_FPM,),
        refused=("port",),
    ),
    Scenario(
        "worker-segfault and apps-stopped",
        both("worker-segfault", "apps-stopped"),
        ("service-stopped", "app@8001.service"),
        also=(("service-stopped", "app@8002.service"), ("worker-segfault", POOL)),
        cured=(*START_APPS[:2], RELOAD),
        refused=("extension",),
    ),
    Scenario(
        "start-limit-hit and tls-mismatch",
        both("tls-mismatch", "start-limit-hit"),
        ("start-limit-hit", FPM),
        also=(("tls-mismatch", "127.0.0.1:8001"), ("tls-mismatch", "127.0.0.1:8002")),
        cured=START_FPM,
        refused=("http://",),
    ),
    Scenario(
        "socket-permission and a typo in the ports of a group",
        permission_and_typo,
        CLOSED,
        also=(("app-down", "127.0.0.1:8011"), ("app-down", "127.0.0.1:8012")),
        cured=(("edit", WWW), RESTART_FPM),
        refused=("127.0.0.1:8011",),
    ),
)
