"""nginx does not get through to those behind it."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.scenarios.scenario import Scenario

SITE = "/etc/nginx/sites-available/shop"
WWW = "/etc/php/8.2/fpm/pool.d/www.conf"
RESTART_FPM = ("restart", "php8.2-fpm.service")
CLOSED = ("socket-permission", "unix:/run/php/php8.2-fpm.sock")
RELOAD = ("reload", "nginx.service")

ROWS = (
    Scenario(
        "socket-path-mismatch",
        FAULTS["socket-path-mismatch"],
        ("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock"),
        cured=(("edit", SITE), RELOAD),
    ),
    Scenario("socket-permission", FAULTS["socket-permission"], CLOSED, cured=(("edit", WWW), RESTART_FPM)),
    Scenario("socket-permission-acl", FAULTS["socket-permission-acl"], CLOSED, cured=(("edit", WWW), RESTART_FPM)),
    Scenario("socket-permission-by-hand", FAULTS["socket-permission-by-hand"], CLOSED, cured=(RESTART_FPM,)),
    Scenario("socket-permission-group", FAULTS["socket-permission-group"], CLOSED, cured=(RELOAD,)),
    Scenario(
        "socket-permission-folder",
        FAULTS["socket-permission-folder"],
        CLOSED,
        refused=("setfacl -m u:www-data:x /run/php", "Never chmod 777"),
    ),
    Scenario(
        "address-mismatch",
        FAULTS["address-mismatch"],
        ("address-mismatch", "127.0.0.1:8001"),
        also=(("address-mismatch", "127.0.0.1:8002"),),
        refused=("[::1]:8001", "A restart of the app changes nothing"),
    ),
    Scenario(
        "tls-mismatch",
        FAULTS["tls-mismatch"],
        ("tls-mismatch", "127.0.0.1:8001"),
        also=(("tls-mismatch", "127.0.0.1:8002"),),
        refused=("http://",),
    ),
    Scenario("dns-failure", FAULTS["dns-failure"], ("dns-failure", "backend.internal"), refused=("resolver",)),
    Scenario(
        "firewall-reject",
        FAULTS["firewall-reject"],
        ("firewall-reject", "192.0.2.9:8001"),
        refused=("ip route get", "one narrow rule"),
    ),
    Scenario(
        "firewall-drop",
        FAULTS["firewall-drop"],
        ("firewall-drop", "192.0.2.9:8001"),
        refused=("Do not raise proxy_connect_timeout",),
    ),
    Scenario(
        "connect-forbidden",
        FAULTS["connect-forbidden"],
        ("selinux-denied", "192.0.2.9:8001"),
        refused=("ausearch -m avc", "Never setenforce 0"),
    ),
    Scenario(
        "socket-path-mismatch-variable",
        FAULTS["socket-path-mismatch-variable"],
        ("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock"),
        cured=(("edit", SITE), RELOAD),
    ),
    Scenario(
        "app-at-own-address",
        FAULTS["app-at-own-address"],
        ("service-stopped", "app@8001.service"),
        cured=(("start", "app@8001.service"),),
    ),
    Scenario("dns-stale", FAULTS["dns-stale"], ("dns-stale", "backend.internal"), cured=(RELOAD,)),
    Scenario(
        "dns-failure-silent",
        FAULTS["dns-failure-silent"],
        ("dns-failure", "backend.internal"),
        also=(("slow-upstream", "api.example"),),
        refused=("127.0.0.1:5399", "resolver line"),
    ),
    Scenario(
        "config-invalid-name",
        FAULTS["config-invalid-name"],
        ("config-invalid", "nginx.service"),
        refused=("cannot resolve backend.internal", "Do not restart before that"),
    ),
    Scenario(
        "backlog-full",
        FAULTS["backlog-full"],
        ("backlog-full", "127.0.0.1:8001"),
        refused=("a longer backlog alone cures nothing",),
    ),
    Scenario(
        "firewall-reject-own",
        FAULTS["firewall-reject-own"],
        ("firewall-reject", "192.0.2.7:8003"),
        refused=("tcp dport 8003 accept", "Never flush the ruleset"),
    ),
    Scenario(
        "firewall-drop-own",
        FAULTS["firewall-drop-own"],
        ("firewall-drop", "192.0.2.7:8003"),
        refused=("tcp dport 8003 accept", "Never flush the ruleset"),
    ),
    Scenario(
        "address-mismatch-localhost",
        FAULTS["address-mismatch-localhost"],
        ("address-mismatch", "localhost:8001"),
        refused=("Let the app listen on 127.0.0.1:8001", "pass requests to [::1]:8001"),
    ),
    Scenario(
        "service-stopped-environment-file",
        FAULTS["service-stopped-environment-file"],
        ("service-stopped", "node.service"),
        cured=(("start", "node.service"),),
    ),
    Scenario(
        "service-stopped-socket-unit",
        FAULTS["service-stopped-socket-unit"],
        ("service-stopped", "web.socket"),
        cured=(("start", "web.socket"),),
    ),
    Scenario(
        "start-limit-hit-socket-unit",
        FAULTS["start-limit-hit-socket-unit"],
        ("start-limit-hit", "web.service"),
        refused=("journalctl -u web.service", "systemctl reset-failed web.service web.socket"),
    ),
    Scenario("no-live-upstreams", FAULTS["no-live-upstreams"], ("no-live-upstreams", "app"), cured=(RELOAD,)),
)
