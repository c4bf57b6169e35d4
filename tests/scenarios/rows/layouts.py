"""Hosts that are laid out unlike Debian's, sound and with a fault on each."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab import faults, layouts
from tests.lab.host import LabHost
from tests.lab.layouts import OPENRESTY, RHEL_SOCKET
from tests.scenarios.scenario import Scenario

Step = Callable[[LabHost], None]


def then(*steps: Step) -> Step:
    """One after the other."""

    def breaks(host: LabHost) -> None:
        for step in steps:
            step(host)

    return breaks


def sh(script: str) -> Step:
    return lambda host: _run(host, script)


def _run(host: LabHost, script: str) -> None:
    host.sh(script)


def no_php(host: LabHost) -> None:
    """PHP-FPM of a host without systemd dies."""
    host.sh("kill -KILL $(cat /run/php/php8.2-fpm.pid); pkill -KILL php-fpm8.2; sleep 0.2")


def too_big(host: LabHost) -> None:
    faults.FAULTS["header-too-big"](host)
    host.sh("sleep 2.1")


ROWS = (
    Scenario("RHEL's layout, sound", layouts.rhel),
    Scenario(
        "RHEL's layout, php-fpm killed",
        then(layouts.rhel, sh("kill -KILL $(cat /run/php-fpm/php-fpm.pid); sleep 0.3")),
        ("service-crashed", "php-fpm.service"),
        cured=(("start", "php-fpm.service"),),
    ),
    Scenario(
        "RHEL's layout, the socket is Debian's",
        then(
            layouts.rhel,
            sh(f"sed -i 's,{RHEL_SOCKET},/run/php/php-fpm.sock,' /etc/nginx/conf.d/shop.conf; systemctl restart nginx"),
        ),
        ("socket-path-mismatch", "unix:/run/php/php-fpm.sock"),
        refused=(RHEL_SOCKET,),
    ),
    Scenario("openresty under /opt, sound", layouts.openresty),
    Scenario(
        "openresty under /opt, killed",
        then(layouts.openresty, sh(f"kill -KILL $(cat {OPENRESTY}/logs/nginx.pid); sleep 0.3")),
        ("service-crashed", "openresty.service"),
        cured=(("start", "openresty.service"),),
    ),
    Scenario(
        "openresty under /opt, headers too big",
        then(layouts.openresty, too_big),
        ("header-too-big", "unix:/run/php/php8.2-fpm.sock"),
        cured=(("edit", f"{OPENRESTY}/conf/vhosts/shop.conf"), ("reload", "openresty.service")),
    ),
    Scenario("units and logs of one's own, sound", layouts.own_names),
    Scenario(
        "units and logs of one's own, stopped",
        then(layouts.own_names, sh("systemctl stop shop-php")),
        ("service-stopped", "shop-php.service"),
        cured=(("start", "shop-php.service"),),
    ),
    Scenario(
        "units and logs of one's own, workers segfault",
        then(layouts.own_names, faults.FAULTS["worker-segfault"]),
        ("worker-segfault", "shop-php.service:shop"),
        refused=("extension",),
    ),
    Scenario("no systemd, sound", sh("true"), variant="no-systemd"),
    Scenario(
        "no systemd, PHP-FPM killed",
        no_php,
        ("app-down", "unix:/run/php/php8.2-fpm.sock"),
        refused=("by its own manager",),
        variant="no-systemd",
    ),
    Scenario(
        "two PHPs, the old one stopped",
        sh("systemctl stop php8.1-fpm"),
        ("service-stopped", "php8.1-fpm.service"),
        cured=(("start", "php8.1-fpm.service"),),
        variant="two-php",
        sites={"shop.example": "ok from php", "api.example": "ok from app", "legacy.example": "ok from php"},
    ),
)
