"""More ways to break what lies between nginx and those behind it: rights, names, addresses, queues."""

from collections.abc import Callable

from tests.lab.host import LabHost
from tests.lab.site import POOL

SOCKET = "/run/php/php8.2-fpm.sock"


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


CONNECTING_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "socket-permission-folder": permission_by_folder,
    "socket-permission-by-hand": permission_by_hand,
    "socket-permission-acl": permission_by_acl,
    "socket-permission-group": permission_by_group,
}
