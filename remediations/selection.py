"""Which hosts a request means, and how each of them is reached."""

from __future__ import annotations

from collections.abc import Sequence

from remediations import inventory
from remediations.connections.base import Target
from remediations.inventory import patterns
from remediations.inventory.host import Host
from remediations.request import Request, checking


def select(request: Request, named: Sequence[str]) -> tuple[Host, ...]:
    """The inventory's hosts that these patterns name; raises InventoryError or UsageError."""
    return patterns.select(inventory.load(inventory.find_inventory(request.inventory, request.environ)), named)


def target(request: Request, host: Host) -> Target:
    """How to reach a host: the command line's word, then the inventory's, then the environment's."""
    environment = checking("ANSIBLE_HOST_KEY_CHECKING", request.environ.get("ANSIBLE_HOST_KEY_CHECKING"))
    extra = (request.known_hosts,) if request.known_hosts else ()
    return Target(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        connection=host.connection,
        private_key_file=host.private_key_file,
        jump=host.jump,
        known_hosts_files=(*extra, *host.known_hosts_files),
        host_key_checking=request.host_key_checking or host.host_key_checking or environment or "yes",
        become=host.become,
        become_password=request.become_password or host.become_password,
    )
