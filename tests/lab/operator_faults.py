"""What people, packages and deploys do to a host at night: each returns once it is done, as they would walk away."""

from tests.lab.host import LabHost
from tests.lab.site import POOL
from tests.lab.upstream_faults import API, INDEX, SHOP

SOCKET = "/run/php/php8.2-fpm.sock"
UNIT = "/etc/systemd/system/app@.service"
APPS = "app@8001 app@8002"


def restart(host: LabHost, units: str) -> None:
    """A restart by hand, whatever comes of it."""
    host.sh(f"systemctl restart {units} 2>/dev/null || true")


def pool_socket_renamed(host: LabHost) -> None:
    """Somebody gave the pool a socket of its own name and forgot nginx."""
    host.sh(f"sed -i 's,^listen = .*,listen = /run/php/shop.sock,' {POOL}")
    restart(host, "php8.2-fpm")


def pool_file_renamed(host: LabHost) -> None:
    """The only pool's file was put aside, and PHP-FPM restarted."""
    host.sh(f"mv {POOL} {POOL}.bak")
    restart(host, "php8.2-fpm")


def pool_to_tcp(host: LabHost) -> None:
    """PHP-FPM was moved to TCP, nginx was not."""
    host.sh(f"sed -i 's,^listen = .*,listen = 127.0.0.1:9000,' {POOL}")
    restart(host, "php8.2-fpm")


def nginx_to_tcp(host: LabHost) -> None:
    """nginx was moved to TCP, PHP-FPM was not."""
    host.sh(f"sed -i 's,unix:{SOCKET},127.0.0.1:9000,' {SHOP} && nginx -t -q && systemctl reload nginx; sleep 0.3")


def spare_servers(host: LabHost) -> None:
    """Tuned by hand at 3 am: more spare servers than children."""
    host.sh(f"sed -i 's/^pm.max_spare_servers = .*/pm.max_spare_servers = 30/' {POOL}")
    restart(host, "php8.2-fpm")


def pool_user_gone(host: LabHost) -> None:
    """The pool runs as a user that was deleted."""
    host.sh(f"sed -i 's/^user = .*/user = shopuser/' {POOL}")
    restart(host, "php8.2-fpm")


def include_removed(host: LabHost) -> None:
    """A clean-up took a snippet that a site includes, and nginx was restarted."""
    host.sh("rm /etc/nginx/snippets/fastcgi-php.conf")
    restart(host, "nginx")


def log_folder_removed(host: LabHost) -> None:
    """A site logs into a folder that somebody deleted to make room; then a restart."""
    host.sh(f"sed -i '/server_name/a access_log /var/log/nginx/shop/access.log;' {SHOP}")
    restart(host, "nginx")


def upstream_host_gone(host: LabHost) -> None:
    """The backend's name was taken out of /etc/hosts, and nginx was restarted."""
    host.sh(f"sed -i 's,server 127.0.0.1:8001,server app1.internal:8001,' {API}")
    restart(host, "nginx")


def port_typo(host: LabHost) -> None:
    """A typo in the ports of an upstream group."""
    host.sh(f"sed -i 's/:800/:801/' {API} && nginx -t -q && systemctl restart nginx")


def passed_to_ssh(host: LabHost) -> None:
    """A port was swapped: the API is passed to sshd."""
    host.sh(f"sed -i 's,http://app,http://127.0.0.1:22,' {API} && nginx -t -q && systemctl restart nginx")


def passed_to_own_address(host: LabHost) -> None:
    """nginx passes to this host's own address, the app listens on loopback alone."""
    host.sh(f"sed -i 's,http://app,http://{host.address}:8001,' {API} && nginx -t -q && systemctl restart nginx")


def program_moved(host: LabHost) -> None:
    """A deploy moved the program that the unit starts."""
    host.sh(f"sed -i 's,/usr/bin/php,/srv/releases/42/bin/php,' {UNIT} && systemctl daemon-reload")
    restart(host, APPS)


def working_directory_gone(host: LabHost) -> None:
    """A deploy removed the release that the unit works in."""
    host.sh(f"sed -i '/^User=/a WorkingDirectory=/srv/releases/41' {UNIT} && systemctl daemon-reload")
    restart(host, APPS)


def app_user_gone(host: LabHost) -> None:
    """The unit's user was deleted."""
    host.sh(f"sed -i 's/^User=.*/User=shopapp/' {UNIT} && systemctl daemon-reload")
    restart(host, APPS)


def app_without_settings(host: LabHost, more: str = "") -> None:
    """A deploy left out the settings without which the app does not start."""
    host.write(
        "/srv/app/start",
        b"#!/bin/sh\n[ -r /srv/app/.env ] || { echo 'Error: Cannot read /srv/app/.env' >&2; exit 1; }\n"
        b'exec /usr/bin/php -S "127.0.0.1:$1" -t /srv/app\n',
        0o755,
    )
    host.sh(f"sed -i 's,^ExecStart=.*,ExecStart=/srv/app/start %i\\n{more},' {UNIT} && systemctl daemon-reload")
    restart(host, APPS)
    host.sh("sleep 0.5")


def app_without_settings_restarting(host: LabHost) -> None:
    """The same where systemd tries again until it gives up."""
    app_without_settings(host, "Restart=always")
    host.sh("sleep 2")


def few_files(host: LabHost) -> None:
    """Somebody limited the files of nginx's unit."""
    host.sh("mkdir -p /etc/systemd/system/nginx.service.d")
    host.write("/etc/systemd/system/nginx.service.d/limits.conf", b"[Service]\nLimitNOFILE=10\n")
    host.sh("sed -i 's/worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf && systemctl daemon-reload")
    restart(host, "nginx")


def rejected_by_nft(host: LabHost) -> None:
    """A new packet filter refuses what is not listed, loopback included.

    Apps that have just been started may refuse by themselves: these have been there for a while.
    """
    host.sh("sleep 10")
    _filter(host, "reject with tcp reset")


def dropped_by_nft(host: LabHost) -> None:
    """The same, silently."""
    _filter(host, "drop")


def _filter(host: LabHost, verdict: str) -> None:
    host.sh(
        "nft add table inet filter && nft 'add chain inet filter input { type filter hook input priority 0; }'"
        f" && nft 'add rule inet filter input tcp dport 8001-8002 {verdict}'"
    )


def workers_killed_by_cron(host: LabHost) -> None:
    """A watchdog kills every PHP worker that it finds at work, over and over."""
    host.write(INDEX, b"<?php usleep(700000); echo 'ok from php';\n")
    loop = "while :; do pkill -KILL -f '[p]hp-fpm: pool'; sleep 0.3; done"
    host.sh(f"setsid --fork sh -c {_quoted(loop)} </dev/null >/dev/null 2>&1; sleep 2.2")


def apps_frozen(host: LabHost) -> None:
    """Somebody stopped the apps in a debugger and went home: the kernel still accepts for them."""
    host.sh("systemctl kill --signal=STOP app@8001 app@8002")


def nginx_stopped(host: LabHost) -> None:
    host.sh("systemctl stop nginx")


def nginx_killed(host: LabHost) -> None:
    host.sh("kill -KILL $(cat /run/nginx.pid); sleep 0.3")


def fpm_program_gone(host: LabHost) -> None:
    """An upgrade was broken off: PHP-FPM's files and unit are there, its program is not."""
    host.sh("systemctl stop php8.2-fpm && rm /usr/sbin/php-fpm8.2")
    restart(host, "php8.2-fpm")


def php_memory_limit(host: LabHost) -> None:
    """The page needs more memory than PHP may have."""
    host.write(INDEX, b"<?php ini_set('memory_limit', '8M'); $all = str_repeat('x', 64000000); echo 'ok from php';\n")
    host.sh("sleep 0.1")


def _quoted(text: str) -> str:
    return '"' + text + '"'
