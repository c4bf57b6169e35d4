"""More ways to break what lies between nginx and those behind it: rights, names, addresses, queues."""

from collections.abc import Callable

from tests.lab.host import LabHost
from tests.lab.site import POOL

SOCKET = "/run/php/php8.2-fpm.sock"
SHOP = "/etc/nginx/sites-available/shop"
API = "/etc/nginx/sites-available/api"
HOSTS = "/etc/hosts"
APPS = "/etc/systemd/system/app@.service.d"
OWN = "192.0.2.7"
"""An address of the host's own that is the same in every lab."""
DEAF = b"""<?php
$options = stream_context_create(['socket' => ['backlog' => 2]]);
$flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
$server = stream_socket_server("tcp://127.0.0.1:$argv[1]", $number, $message, $flags, $options);
sleep(3600);
"""
"""A program that listens, with room for two, and never accepts."""


def permission_by_folder(host: LabHost) -> None:
    """The folder of the pool's socket lets nobody through but root."""
    host.sh("chown root:root /run/php && chmod 700 /run/php")


def permission_by_hand(host: LabHost) -> None:
    """Somebody changed the socket itself; the pool's file is right."""
    host.sh(f"chown root {SOCKET} && chmod 600 {SOCKET}")


def permission_by_acl(host: LabHost) -> None:
    """The pool names the users that may open its socket, and nginx's is not among them."""
    host.sh(f"sed -i 's/^;listen.acl_users.*/listen.acl_users = root/' {POOL} && systemctl restart php8.2-fpm")


def permission_by_group(host: LabHost) -> None:
    """nginx's user was given the socket's group, and nginx was not reloaded."""
    host.sh(
        f"sed -i 's/^listen.group.*/listen.group = adm/; s/^listen.owner.*/listen.owner = root/' {POOL}"
        " && systemctl restart php8.2-fpm && usermod -aG adm www-data"
    )


def _pass_to(host: LabHost, address: str, *before: str) -> None:
    """The api is passed to this address, with these lines before."""
    lines = " ".join((*before, f"proxy_pass {address};"))
    host.sh(f"sed -i 's,proxy_pass .*,{lines},' {API} && nginx -t -q && systemctl reload nginx && sleep 0.5")


def _names(host: LabHost, address: str, name: str = "backend.internal") -> None:
    """/etc/hosts is the host's whole DNS."""
    host.sh(f"sed -i '/ {name}$/d' {HOSTS}; echo '{address} {name}' >>{HOSTS}")


def _own_address(host: LabHost) -> None:
    host.sh(f"ip addr add {OWN}/32 dev lo")


def _apps(host: LabHost, command: str) -> None:
    """The first app runs this instead; %i is its port."""
    host.sh(f"mkdir -p {APPS}")
    host.write(f"{APPS}/program.conf", f"[Service]\nExecStart=\nExecStart={command}\n".encode())
    host.sh("systemctl daemon-reload && systemctl restart app@8001 && sleep 0.5")


def dns_stale(host: LabHost) -> None:
    """The backend has moved since nginx read its files; where it was, nobody answers."""
    host.sh("ip route add unreachable 192.0.2.9/32")
    _names(host, "192.0.2.9")
    _pass_to(host, "http://backend.internal:8001")
    _names(host, "127.0.0.1")


def dns_silent(host: LabHost) -> None:
    """The resolver that nginx asks is gone, and nginx waits 30 s for it."""
    _pass_to(host, "http://$backend:8001", "resolver 127.0.0.1:5399;", "set $backend backend.internal;")


def name_not_found(host: LabHost) -> None:
    """A name that does not resolve any more: nginx runs with the old address, and would not start again."""
    _names(host, "127.0.0.1")
    _pass_to(host, "http://backend.internal:8001")
    host.sh(f"sed -i '/ backend.internal$/d' {HOSTS}")


def backlog_full(host: LabHost) -> None:
    """An app that listens and takes no connection any more; its queue is full."""
    host.write("/srv/deaf.php", DEAF)
    _apps(host, "/usr/bin/php /srv/deaf.php %i")
    _pass_to(host, "http://127.0.0.1:8001")
    client = "setsid --fork curl -s -o /dev/null -m 600 http://127.0.0.1:8001/ </dev/null >/dev/null 2>&1"
    host.sh(f"for n in 1 2 3 4 5; do {client}; done; sleep 0.5")


def app_at_own_address(host: LabHost) -> None:
    """The app is stopped that listens at the host's own address, which nginx knows by a name of /etc/hosts."""
    _own_address(host)
    _apps(host, f"/usr/bin/php -S {OWN}:%i -t /srv/app")
    _names(host, OWN)
    _pass_to(host, "http://backend.internal:8001")
    host.sh("systemctl stop app@8001")


def environment_file(host: LabHost) -> None:
    """An app is stopped whose port stands in its EnvironmentFile alone."""
    host.write("/etc/node.env", b"PORT=8003\n")
    unit = "[Service]\nEnvironmentFile=/etc/node.env\nUser=www-data\n"
    start = "ExecStart=/bin/sh -c 'exec /usr/bin/php -S 127.0.0.1:$PORT -t /srv/app'\n"
    host.write("/etc/systemd/system/node.service", f"{unit}{start}[Install]\nWantedBy=multi-user.target\n".encode())
    host.sh("systemctl daemon-reload && systemctl enable -q --now node.service && sleep 0.5")
    _pass_to(host, "http://localhost:8003")
    host.sh("systemctl stop node.service")


def localhost_by_six(host: LabHost) -> None:
    """The app listens on ::1 alone, as Node does for `localhost`; on a host without more IPv6 nginx asks 127.0.0.1."""
    _apps(host, "/usr/bin/php -S [::1]:%i -t /srv/app")
    _pass_to(host, "http://localhost:8001")


def _activated(host: LabHost, command: str) -> None:
    """A socket unit listens, and starts this for whoever connects."""
    start = f"[Service]\nExecStart={command}\n"
    listen = "[Socket]\nListenStream=/run/web.sock\n[Install]\nWantedBy=sockets.target\n"
    host.write("/etc/systemd/system/web.service", start.encode())
    host.write("/etc/systemd/system/web.socket", listen.encode())
    host.sh("systemctl daemon-reload && systemctl enable -q --now web.socket")
    _pass_to(host, "http://unix:/run/web.sock")


def socket_unit_stopped(host: LabHost) -> None:
    """Nobody listens any more for the app that is started when somebody asks."""
    _activated(host, "/lib/systemd/systemd-socket-proxyd 127.0.0.1:8001")
    host.sh("systemctl stop web.socket web.service")


def socket_unit_gave_up(host: LabHost) -> None:
    """The app dies at each start, and systemd listens no longer for it."""
    _activated(host, "/bin/false")
    ask = "curl -s -m 1 -o /dev/null --unix-socket /run/web.sock http://api.example/"
    host.sh(f"for n in 1 2 3 4 5 6 7 8; do {ask} || sleep 0.2; done; [ $(systemctl is-active web.socket) = failed ]")


def _filter(host: LabHost, verdict: str) -> None:
    """This host's own packet filter stands between nginx and its app, at the host's own address."""
    _own_address(host)
    _pass_to(host, f"http://{OWN}:8003", "proxy_connect_timeout 2s;")
    unit = f"systemd-run -q --unit app-own php -S {OWN}:8003 -t /srv/app"
    host.sh(f"{unit}; nft add table inet own; nft 'add chain inet own in {{ type filter hook input priority 0; }}'")
    host.sh(f"nft add rule inet own in tcp dport 8003 {verdict}; sleep 2")


def own_filter_rejects(host: LabHost) -> None:
    """As `_filter` says."""
    _filter(host, "reject with tcp reset")


def own_filter_drops(host: LabHost) -> None:
    """As `_filter` says."""
    _filter(host, "drop")


def path_by_variable(host: LabHost) -> None:
    """PHP was upgraded, and a map still leads to the old version's socket."""
    host.sh(f"sed -i 's,unix:/run/php/php8.2-fpm.sock,unix:$php,' {SHOP}")
    host.sh(f"echo 'map $host $php {{ default /run/php/php8.1-fpm.sock; }}' >>{SHOP}")
    host.sh("nginx -t -q && systemctl restart nginx")


CONNECTING_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "socket-permission-folder": permission_by_folder,
    "socket-permission-by-hand": permission_by_hand,
    "socket-permission-acl": permission_by_acl,
    "socket-permission-group": permission_by_group,
    "socket-path-mismatch-variable": path_by_variable,
    "app-at-own-address": app_at_own_address,
    "dns-stale": dns_stale,
    "dns-failure-silent": dns_silent,
    "config-invalid-name": name_not_found,
    "backlog-full": backlog_full,
    "firewall-reject-own": own_filter_rejects,
    "firewall-drop-own": own_filter_drops,
    "address-mismatch-localhost": localhost_by_six,
    "service-stopped-environment-file": environment_file,
    "service-stopped-socket-unit": socket_unit_stopped,
    "start-limit-hit-socket-unit": socket_unit_gave_up,
}
