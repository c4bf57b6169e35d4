"""Hosts laid out unlike Debian: RHEL's names and places, an nginx under /opt, units and logs of one's own."""

from tests.lab.host import LabHost
from tests.lab.site import POOL

RHEL_SOCKET = "/run/php-fpm/www.sock"
RHEL_POOL = "/etc/php-fpm.d/www.conf"
OPENRESTY = "/opt/openresty/nginx"
OWN_SOCKET = "/srv/sockets/shop.sock"
OWN_LOG = "/srv/logs/php.log"


def rhel(host: LabHost) -> None:
    """php-fpm.service with /etc/php-fpm.d/www.conf, /run/php-fpm/www.sock and /var/log/php-fpm; sites in conf.d."""
    host.sh(
        "systemctl -q disable --now php8.2-fpm && cp /usr/sbin/php-fpm8.2 /usr/sbin/php-fpm"
        " && mkdir -p /etc/php-fpm.d /var/log/php-fpm && mv /etc/php/8.2/fpm/php.ini /etc/php.ini"
        " && mv /etc/php/8.2/fpm/conf.d /etc/php.d && mv /etc/nginx/sites-available/* /etc/nginx/conf.d"
        f" && sed 's,^listen = .*,listen = {RHEL_SOCKET},' /etc/php/8.2/fpm/pool.d/www.conf >{RHEL_POOL}"
        " && rm -rf /etc/php/8.2/fpm /etc/nginx/sites-enabled /usr/sbin/php-fpm8.2"
        " && rm /lib/systemd/system/php8.2-fpm.service"
        " && for each in shop api; do mv /etc/nginx/conf.d/$each /etc/nginx/conf.d/$each.conf; done"
        f" && sed -i 's,/run/php/php8.2-fpm.sock,{RHEL_SOCKET},' /etc/nginx/conf.d/shop.conf"
        " && sed -i '/sites-enabled/d' /etc/nginx/nginx.conf"
    )
    host.write(
        "/etc/php-fpm.conf",
        b"include=/etc/php-fpm.d/*.conf\n[global]\npid = /run/php-fpm/php-fpm.pid\n"
        b"error_log = /var/log/php-fpm/error.log\ndaemonize = yes\n",
    )
    host.write(
        "/etc/systemd/system/php-fpm.service",
        b"[Unit]\nDescription=The PHP FastCGI Process Manager\nAfter=network.target\n\n[Service]\nType=notify\n"
        b"ExecStart=/usr/sbin/php-fpm --nodaemonize --fpm-config /etc/php-fpm.conf -c /etc/php.ini\n"
        b"ExecReload=/bin/kill -USR2 $MAINPID\nRuntimeDirectory=php-fpm\nRuntimeDirectoryMode=0755\n\n"
        b"[Install]\nWantedBy=multi-user.target\n",
    )
    host.sh("systemctl daemon-reload && systemctl -q enable --now php-fpm && nginx -t -q && systemctl restart nginx")


def openresty(host: LabHost) -> None:
    """nginx as openresty.service: its program, its configuration and its logs below one folder of its own."""
    host.sh(
        f"systemctl -q disable --now nginx && mkdir -p {OPENRESTY}/sbin {OPENRESTY}/conf/vhosts {OPENRESTY}/logs"
        f" && cp /usr/sbin/nginx {OPENRESTY}/sbin/nginx && cp -r /etc/nginx/. {OPENRESTY}/conf"
        f" && mv {OPENRESTY}/conf/sites-available/shop {OPENRESTY}/conf/vhosts/shop.conf"
        f" && mv {OPENRESTY}/conf/sites-available/api {OPENRESTY}/conf/vhosts/api.conf"
        f" && rm -r {OPENRESTY}/conf/sites-* /etc/nginx /usr/sbin/nginx /lib/systemd/system/nginx.service"
        f" && sed -i -e 's,/etc/nginx/sites-enabled/\\*,vhosts/*.conf,; s,/etc/nginx/,{OPENRESTY}/conf/,g'"
        f" -e 's,/run/nginx.pid,{OPENRESTY}/logs/nginx.pid,' -e 's,/var/log/nginx,{OPENRESTY}/logs,'"
        f" -e '/modules-enabled/d' {OPENRESTY}/conf/nginx.conf"
    )
    nginx = f"{OPENRESTY}/sbin/nginx -p {OPENRESTY} -c {OPENRESTY}/conf/nginx.conf"
    host.write(
        "/etc/systemd/system/openresty.service",
        f"[Unit]\nDescription=OpenResty\nAfter=network.target\n\n[Service]\nType=forking\n"
        f"PIDFile={OPENRESTY}/logs/nginx.pid\nExecStart={nginx}\nExecReload={nginx} -s reload\n"
        f"ExecStop={nginx} -s quit\n\n[Install]\nWantedBy=multi-user.target\n".encode(),
    )
    host.sh("systemctl daemon-reload && systemctl -q enable --now openresty")


def own_names(host: LabHost) -> None:
    """PHP-FPM as shop-php.service, all its files below /srv: configuration, socket, log."""
    host.sh(
        "systemctl -q disable --now php8.2-fpm && mkdir -p /srv/php /srv/sockets /srv/logs"
        f" && sed 's,^listen = .*,listen = {OWN_SOCKET},; s,^.www.,[shop],' {POOL} >/srv/php/shop.pool"
        f" && sed -i 's,/run/php/php8.2-fpm.sock,{OWN_SOCKET},' /etc/nginx/sites-available/shop"
    )
    host.write("/srv/php/fpm.conf", f"[global]\nerror_log = {OWN_LOG}\ninclude = /srv/php/*.pool\n".encode())
    host.write(
        "/etc/systemd/system/shop-php.service",
        b"[Unit]\nDescription=PHP of the shop\n\n[Service]\nType=notify\n"
        b"ExecStart=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /srv/php/fpm.conf\n"
        b"ExecReload=/bin/kill -USR2 $MAINPID\n\n[Install]\nWantedBy=multi-user.target\n",
    )
    host.sh("systemctl daemon-reload && systemctl -q enable --now shop-php && nginx -t -q && systemctl restart nginx")
