"""Ways to break what lies between nginx and those behind it: every daemon runs, and yet the site answers 502 or 504."""

from collections.abc import Callable

from tests.lab.host import LabHost
from tests.lab.site import POOL

SHOP = "/etc/nginx/sites-available/shop"
API = "/etc/nginx/sites-available/api"
INDEX = "/var/www/shop/index.php"
APP = "/srv/app/index.php"


def _site(host: LabHost, path: str, edit: str) -> None:
    """An operator's edit of a site, read by nginx at once."""
    host.sh(f"sed -i {edit} {path} && nginx -t -q && systemctl restart nginx")


def _pool(host: LabHost, *lines: str) -> None:
    text = "\\n".join(lines)
    host.sh(f"printf '{text}\\n' >>{POOL} && systemctl restart php8.2-fpm")


def use_as_apps(host: LabHost, command: str) -> None:
    """Another program in the place of both app servers; it may use %i, its port."""
    folder = "/etc/systemd/system/app@.service.d"
    host.sh(f"mkdir -p {folder}")
    host.write(f"{folder}/program.conf", f"[Service]\nExecStart=\nExecStart={command}\n".encode())
    host.sh("systemctl daemon-reload && systemctl restart app@8001 app@8002")


def socket_path_mismatch(host: LabHost) -> None:
    """PHP was upgraded and the site still names the old version's socket."""
    _site(host, SHOP, "-e s/php8.2-fpm.sock/php8.1-fpm.sock/")


def socket_permission(host: LabHost) -> None:
    """The pool's socket belongs to root alone."""
    host.sh(f"sed -i 's/^listen.\\(owner\\|group\\) = .*/listen.\\1 = root/' {POOL} && systemctl restart php8.2-fpm")


def address_mismatch(host: LabHost) -> None:
    """The apps listen on ::1 only, nginx asks 127.0.0.1."""
    use_as_apps(host, "/usr/bin/php -S [::1]:%i -t /srv/app")


def header_too_big(host: LabHost) -> None:
    """The shop sends a cookie larger than nginx's buffer for a response's head."""
    host.write(INDEX, b"<?php header('X-Big: ' . str_repeat('x', 9000)); echo 'ok from php';\n")


def upstream_closed(host: LabHost) -> None:
    """The apps die within each request; whoever starts them again does so at once."""
    host.write(APP, b"<?php posix_kill(getmypid(), 9);\n")
    use_as_apps(host, "/bin/sh -c 'while :; do /usr/bin/php -S 127.0.0.1:%i -t /srv/app; done'")


def protocol_mismatch(host: LabHost) -> None:
    """FastCGI is spoken to a server of HTTP."""
    _site(host, SHOP, "-e s,unix:/run/php/php8.2-fpm.sock,127.0.0.1:8001,")


def slow_upstream(host: LabHost) -> None:
    """The shop needs longer than nginx waits."""
    host.write(INDEX, b"<?php sleep(3); echo 'ok from php';\n")
    _site(host, SHOP, "-e '/fastcgi_pass/a fastcgi_read_timeout 1s;'")


def worker_segfault(host: LabHost) -> None:
    """An extension breaks the worker that serves the page."""
    host.write(INDEX, b"<?php posix_kill(getmypid(), 11); sleep(1);\n")


def worker_killed(host: LabHost) -> None:
    """Somebody kills each worker that serves the page, and no kernel did."""
    host.write(INDEX, b"<?php posix_kill(getmypid(), 9); sleep(1);\n")


def request_terminated(host: LabHost) -> None:
    """PHP-FPM ends the script after a second."""
    host.write(INDEX, b"<?php sleep(20); echo 'ok from php';\n")
    _pool(host, "request_terminate_timeout = 1s")


def tls_mismatch(host: LabHost) -> None:
    """nginx speaks TLS to apps that do not."""
    _site(host, API, "-e s,http://app,https://app,")


def dns_failure(host: LabHost) -> None:
    """The backend is named by a name that nobody resolves."""
    host.sh(
        f"sed -i -e 's,proxy_pass http://app;,resolver 127.0.0.1:5399 valid=1s; resolver_timeout 1s;"
        f" set $backend backend.internal; proxy_pass http://$backend:8001;,' {API}"
    )
    host.sh("nginx -t -q && systemctl restart nginx")


def firewall_reject(host: LabHost) -> None:
    """The way to a backend elsewhere is closed."""
    host.sh("ip route add unreachable 192.0.2.9/32")
    _site(host, API, "-e s,http://app,http://192.0.2.9:8001,")


def firewall_drop(host: LabHost) -> None:
    """A backend elsewhere never answers."""
    host.sh(
        "ip route add 192.0.2.9/32 dev $(ip -o link | sed -n 's/^[0-9]*: \\([^@:]*\\).*/\\1/p' | grep -v -m1 -x lo)"
    )
    _site(host, API, "-e 's,proxy_pass http://app,proxy_connect_timeout 1s; proxy_pass http://192.0.2.9:8001,'")


def connect_forbidden(host: LabHost) -> None:
    """The kernel lets nobody connect to the backend, as SELinux would not let nginx."""
    host.sh("ip route add prohibit 192.0.2.9/32")
    _site(host, API, "-e s,http://app,http://192.0.2.9:8001,")


def nginx_file_limit(host: LabHost) -> None:
    """A worker may open fewer files than its sockets and one request need."""
    edit = "s/worker_processes .*/worker_processes 1; worker_rlimit_nofile 10;/"
    host.sh(f"sed -i '{edit}' /etc/nginx/nginx.conf && nginx -t -q && systemctl restart nginx")


def no_live_upstreams(host: LabHost) -> None:
    """Both apps were down when somebody asked, and are back; nginx has written them off for five minutes."""
    _site(host, API, "-e 's/server 127.0.0.1:\\(800.\\)/server 127.0.0.1:\\1 fail_timeout=300s/'")
    host.sh("systemctl stop app@8001 app@8002")
    for _ in range(8):
        host.get("api.example", "/")
    host.sh("systemctl start app@8001 app@8002; sleep 0.5")


def worker_connections(host: LabHost) -> None:
    """nginx may hold fewer connections than one request needs."""
    host.sh(
        "sed -i 's/worker_connections .*/worker_connections 3;/; s/worker_processes .*/worker_processes 1;/'"
        " /etc/nginx/nginx.conf; nginx -t -q && systemctl restart nginx"
    )


UPSTREAM_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "socket-path-mismatch": socket_path_mismatch,
    "socket-permission": socket_permission,
    "address-mismatch": address_mismatch,
    "header-too-big": header_too_big,
    "upstream-closed": upstream_closed,
    "protocol-mismatch": protocol_mismatch,
    "slow-upstream": slow_upstream,
    "worker-segfault": worker_segfault,
    "worker-killed": worker_killed,
    "request-terminated": request_terminated,
    "tls-mismatch": tls_mismatch,
    "dns-failure": dns_failure,
    "firewall-reject": firewall_reject,
    "firewall-drop": firewall_drop,
    "connect-forbidden": connect_forbidden,
    "nginx-file-limit": nginx_file_limit,
    "no-live-upstreams": no_live_upstreams,
    "worker-connections": worker_connections,
}
