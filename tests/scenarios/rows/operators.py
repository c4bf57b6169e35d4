"""What people, packages and deploys do at night, one thing at a time."""

from __future__ import annotations

from tests.lab import operator_faults as by
from tests.scenarios.rows.configuration import NGINX
from tests.scenarios.rows.connecting import CLOSED
from tests.scenarios.rows.responding import POOL
from tests.scenarios.rows.services import FPM, START_APPS
from tests.scenarios.scenario import Named, Scenario

SOCKET = CLOSED[1]
ONE, TWO = "app@8001.service", "app@8002.service"


def both(cause: str) -> tuple[Named, tuple[Named, ...]]:
    """The cause on both app servers: first and also."""
    return (cause, ONE), ((cause, TWO),)


def apps(cause: str) -> tuple[Named, tuple[Named, ...]]:
    """The cause at the addresses of both app servers."""
    return (cause, "127.0.0.1:8001"), ((cause, "127.0.0.1:8002"),)


ROWS = (
    Scenario(
        "the pool's socket was renamed",
        by.pool_socket_renamed,
        ("socket-path-mismatch", SOCKET),
        refused=("fix-socket-path.socket=PATH",),
    ),
    Scenario(
        "the pool's file was put aside",
        by.pool_file_renamed,
        ("config-invalid", FPM),
        also=(("app-down", SOCKET),),
        refused=("No pool defined",),
    ),
    Scenario("PHP-FPM moved to TCP", by.pool_to_tcp, ("socket-path-mismatch", SOCKET), refused=("127.0.0.1:9000",)),
    Scenario("nginx moved to TCP", by.nginx_to_tcp, ("address-mismatch", "127.0.0.1:9000"), refused=(SOCKET,)),
    Scenario(
        "more spare servers than children",
        by.spare_servers,
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("pm.max_spare_servers",),
    ),
    Scenario(
        "the pool's user was deleted",
        by.pool_user_gone,
        ("config-invalid", FPM),
        also=(("service-crashed", FPM),),
        refused=("shopuser",),
    ),
    Scenario(
        "an included snippet was removed",
        by.include_removed,
        ("config-invalid", NGINX),
        also=(("service-crashed", NGINX),),
        refused=("/etc/nginx/sites-enabled/shop:13", "systemctl start nginx.service"),
    ),
    Scenario(
        "a log's folder was removed",
        by.log_folder_removed,
        ("config-invalid", NGINX),
        also=(("service-crashed", NGINX),),
        refused=("/var/log/nginx/shop/access.log",),
    ),
    Scenario(
        "a backend's name was removed",
        by.upstream_host_gone,
        ("config-invalid", NGINX),
        also=(("service-crashed", NGINX),),
        refused=("host not found in upstream", "app1.internal"),
    ),
    Scenario(
        "a typo in the ports of a group",
        by.port_typo,
        ("app-down", "127.0.0.1:8011"),
        also=(("app-down", "127.0.0.1:8012"),),
        refused=("No unit of this host names 127.0.0.1:8011",),
    ),
    Scenario("the API is passed to sshd", by.passed_to_ssh, ("protocol-mismatch", "127.0.0.1:22"), refused=("port",)),
    Scenario("the deploy moved the program", by.program_moved, *both("unit-broken"), refused=("203/EXEC",)),
    Scenario(
        "the deploy removed the working directory",
        by.working_directory_gone,
        *both("unit-broken"),
        refused=("200/CHDIR",),
    ),
    Scenario("the app's user was deleted", by.app_user_gone, *both("unit-broken"), refused=("217/USER",)),
    Scenario(
        "the app's settings are missing",
        by.app_without_settings,
        *both("service-crashed"),
        cured=START_APPS,
        again=START_APPS[:2],
        refused=("journalctl -u app@8001.service",),
    ),
    Scenario(
        "the app's settings are missing, until systemd gives up",
        by.app_without_settings_restarting,
        *both("start-limit-hit"),
        cured=START_APPS,
        again=START_APPS[:2],
        refused=("journalctl -u app@8001.service",),
    ),
    Scenario(
        "few files for nginx's unit", by.few_files, ("nginx-file-limit", NGINX), refused=("(24: Too many open files)",)
    ),
    Scenario("nft rejects", by.rejected_by_nft, *apps("firewall-reject"), refused=("nft -a list ruleset",)),
    Scenario(
        "nft drops, and nginx waits a minute",
        by.dropped_by_nft,
        ("firewall-drop", "127.0.0.1:8001"),
        refused=("nft -a list ruleset",),
    ),
    Scenario("a watchdog kills workers", by.workers_killed_by_cron, ("worker-killed", POOL), refused=("watchdog",)),
    Scenario("the apps are frozen", by.apps_frozen, ("slow-upstream", "api.example"), refused=("ss -tnp",), sure=False),
    Scenario("nginx was stopped", by.nginx_stopped, ("service-stopped", NGINX), cured=(("start", NGINX),)),
    Scenario("nginx was killed", by.nginx_killed, ("service-crashed", NGINX), cured=(("start", NGINX),)),
    Scenario(
        "PHP-FPM's program is gone",
        by.fpm_program_gone,
        ("unit-broken", FPM),
        refused=("203/EXEC",),
    ),
    Scenario(
        "PHP's memory limit",
        by.php_memory_limit,
        ("php-fatal", "/var/www/shop/index.php:1"),
        refused=("Allowed memory size", "memory_limit"),
    ),
    Scenario(
        "nginx passes to the host's own address",
        by.passed_to_own_address,
        ("address-mismatch", "ADDRESS:8001"),
        refused=("127.0.0.1:8001",),
    ),
)
