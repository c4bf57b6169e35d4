"""Ways to break a host by its units: systemd cannot start what it is told to, or somebody else holds its port."""

from collections.abc import Callable
from functools import partial

from tests.lab.host import LabHost
from tests.lab.site import POOL

APPS = "app@8001.service app@8002.service"
FPM = "php8.2-fpm.service"
SQUATTER = """\
[Unit]
Description=Another web server, as an upgrade brings one along

[Service]
ExecStart=/usr/bin/php -S 0.0.0.0:80 -t /var/www
"""


def unit_broken(host: LabHost, setting: str) -> None:
    """A setting in the apps' unit that systemd cannot carry out; they were restarted with it."""
    host.sh("mkdir -p /etc/systemd/system/app@.service.d")
    host.write("/etc/systemd/system/app@.service.d/deploy.conf", f"[Service]\n{setting}\n".encode())
    host.sh(f"systemctl daemon-reload; systemctl restart {APPS} 2>/dev/null; sleep 0.5; exit 0")


def unit_masked(host: LabHost, unit: str = FPM) -> None:
    """Somebody wanted the unit down, and for long."""
    host.sh(f"systemctl mask --now {unit} 2>/dev/null")


def unit_not_found(host: LabHost) -> None:
    """A package was removed by half: the configuration and the link that wants the unit are there, the unit is not."""
    host.sh(f"systemctl stop {FPM}; rm /lib/systemd/system/{FPM} /etc/init.d/php8.2-fpm; systemctl daemon-reload")


def port_conflict(host: LabHost) -> None:
    """nginx was stopped for a moment; another web server has taken its port meanwhile."""
    host.write("/etc/systemd/system/other-web.service", SQUATTER.encode())
    host.sh("systemctl daemon-reload; systemctl stop nginx; systemctl start other-web; sleep 0.5")
    host.sh("systemctl start nginx 2>/dev/null; exit 0", timeout=60)


def port_conflict_fpm(host: LabHost) -> None:
    """Somebody has started PHP-FPM by hand; systemd's cannot have the socket."""
    host.sh(
        f"systemctl stop {FPM} && systemd-run --quiet --scope --unit=by-hand php-fpm8.2 -D </dev/null >/dev/null 2>&1"
    )
    host.sh(f"systemctl start {FPM} 2>/dev/null; exit 0")


def config_invalid_at_start(host: LabHost) -> None:
    """The pool's socket is to lie in a folder that is not there: `-t` accepts it, the restart does not."""
    host.sh(f"sed -i 's,^listen = .*,listen = /run/shop/php.sock,' {POOL}")
    host.sh("sed -i 's,/run/php/php8.2-fpm.sock,/run/shop/php.sock,' /etc/nginx/sites-available/shop")
    host.sh(f"systemctl restart nginx; systemctl restart {FPM} 2>/dev/null; exit 0")


def config_invalid_reload(host: LabHost) -> None:
    """A pool that contradicts itself was reloaded without a test: the reload returns 0, and PHP-FPM dies."""
    host.sh(f"sed -i 's/^pm.start_servers = .*/pm.start_servers = 50/' {POOL}; systemctl reload {FPM}; sleep 1")


def port_orphan(host: LabHost) -> None:
    """Somebody had started an old release of the app by hand; its unit finds the port taken."""
    host.sh("mkdir -p /srv/old")
    host.write("/srv/old/index.php", b"<?php http_response_code(502); echo 'an old release';\n")
    for port in (8001, 8002):
        app = f"/usr/bin/php -S 127.0.0.1:{port} -t /srv/old"
        start = f"systemd-run --quiet --scope --unit=by-hand-{port} --uid=www-data {app} </dev/null >/dev/null 2>&1"
        host.sh(f"systemctl stop app@{port}; cd / && setsid --fork {start}")
    host.sh(f"sleep 0.5; systemctl start {APPS}; sleep 1.5; exit 0")


def reload_not_applied(host: LabHost) -> None:
    """A site was added on a port that another program holds: the reload returned 0, and nginx serves the old files."""
    host.sh("sleep 2")
    host.write("/etc/nginx/sites-enabled/admin", b"server { listen 127.0.0.1:8002; server_name admin.example; }\n")
    host.sh("systemctl reload nginx; sleep 3.5")


def reload_zone_changed(host: LabHost) -> None:
    """The key of a shared zone was changed, which nginx takes at a restart only."""
    zone = "/etc/nginx/conf.d/zone.conf"
    host.write(zone, b"limit_req_zone $remote_addr zone=all:1m rate=100r/s;\n")
    host.sh("systemctl reload nginx; sleep 1")
    host.write(zone, b"limit_req_zone $binary_remote_addr zone=all:1m rate=100r/s;\n")
    host.sh("systemctl reload nginx; sleep 1")


UNIT_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "unit-broken": partial(unit_broken, setting="ExecStart=\nExecStart=/usr/bin/php8.1 -S 127.0.0.1:%i -t /srv/app"),
    "unit-broken-user": partial(unit_broken, setting="User=deployer"),
    "unit-broken-folder": partial(unit_broken, setting="WorkingDirectory=/srv/releases/42"),
    "unit-broken-resources": partial(unit_broken, setting="EnvironmentFile=/etc/app.env"),
    "unit-masked": unit_masked,
    "unit-not-found": unit_not_found,
    "port-conflict": port_conflict,
    "port-conflict-fpm": port_conflict_fpm,
    "port-orphan": port_orphan,
    "config-invalid-at-start": config_invalid_at_start,
    "config-invalid-reload": config_invalid_reload,
    "reload-not-applied": reload_not_applied,
    "reload-zone-changed": reload_zone_changed,
}
