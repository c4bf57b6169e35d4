"""The unix sockets of PHP-FPM's pools, and those that nginx names and nobody has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations.editors import nginx_variables
from remediations.editors.nginx_address import Address
from remediations.editors.nginx_tree import Node
from remediations.facts.base import Unknown
from remediations.host import listening, topology
from remediations.host.topology import Behind
from remediations.snapshot import Snapshot

_VERSION = re.compile(r"php(?:-fpm)?-?(?:[5-9]\.[0-9]{1,2}|[5-9][0-9])(?![0-9])")
"""php8.2, php82, php-8.2 and php-fpm-8.2, as Debian, Remi and others name it."""


def live_pool_sockets(snapshot: Snapshot) -> tuple[str, ...]:
    """The unix sockets on which pools of PHP-FPM listen now, as their files name them."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    listens = (pool.listen.value for version in versions for pool in version.config.pools)
    return tuple(
        path for path in listens if path and path.startswith("/") and listening.listener(snapshot, Address(path=path))
    )


def twin_socket(snapshot: Snapshot, dead: Address) -> str | None:
    """The one live socket of a pool whose path differs from the dead one in PHP's version alone.

    Another number may be another site's, or another user's: site1.sock and site2.sock are no twins.
    """
    twins = [path for path in live_pool_sockets(snapshot) if _versionless(path) == _versionless(dead.path or "")]
    return twins[0] if len(twins) == 1 else None


def _versionless(path: str) -> str:
    return _VERSION.sub("php", listening.plain_path(path))


def naming(snapshot: Snapshot, dead: Address) -> tuple[Node, ...]:
    """The directives that name the path: a *_pass, a `server` of its group, or the `set` or row that a variable takes.

    None where a variable leads there that is written down nowhere.
    """
    return tuple(dict.fromkeys(_naming(snapshot, dead)))


def _naming(snapshot: Snapshot, dead: Address) -> Iterator[Node]:
    for target in topology.targets_at(snapshot, dead):
        if target.variable:
            said = nginx_variables.sources(target.node, target.variable)
            yield from (one.node for one in said if one.text.removeprefix("unix:") == dead.path)
        elif target.upstream is None:
            yield target.node
        else:
            yield from (server.node for server in target.upstream.servers if server.address == dead)


def dead_sockets(snapshot: Snapshot) -> tuple[Address, ...]:
    """The sockets that nginx speaks FastCGI to and that nobody has or is to have, though pools of PHP-FPM listen."""
    if isinstance(snapshot.sockets, Unknown) or isinstance(snapshot.paths, Unknown) or not live_pool_sockets(snapshot):
        return ()
    paths = snapshot.paths
    return tuple(
        address
        for address in topology.backend_addresses(snapshot)
        if address.path
        and (status := paths.get(address.path)) is not None
        and status.kind is None
        and topology.behind(snapshot, address) == Behind(address, None, ())
        and {target.scheme for target in topology.targets_at(snapshot, address)} == {"fastcgi"}
    )
