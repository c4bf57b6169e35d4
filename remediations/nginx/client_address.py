"""Whose address nginx sees: the client's, or that of a proxy in front, in which case a limit holds for all at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from remediations.editors.nginx_address import Address
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_servers import Server, servers
from remediations.editors.nginx_tree import NginxTree, Node
from remediations.facts.base import Unknown
from remediations.facts.logs import Peers
from remediations.host.topology import is_loopback
from remediations.nginx import cloudflare
from remediations.snapshot import Snapshot

ENOUGH_LINES = 100
FEW_PEERS = 3
MOST_OF_THEM = 0.9
VARIABLE = "behind_proxy"

Hint = tuple[Node | None, str]
"""What in the configuration speaks of a proxy, and in which server; None: in all of them."""

# Only a proxy sends these; a log format may name them anywhere, nginx's own default does.
_SENT_BY_PROXIES = re.compile(r"\$\{?(http_(?:x_forwarded_\w+|cf_\w+|true_client_ip)|proxy_protocol_addr)\b")


def real_ip_applies(node: Node) -> bool:
    """Whether at this place the proxy's word about the client's address is believed.

    A server that only this host can reach sees no peer but itself, so `set_real_ip_from` must name that one.
    """
    trusted = [word for each in effective(node, "set_real_ip_from").nodes for word in each.args]
    around = node if node.name == "server" else node.enclosing("server")
    own = only_local(Server(around)) if around else ()
    believed = all(any(_holds(source, address) for source in trusted) for address in own)
    return bool(trusted) and believed and bool(effective(node, "real_ip_header"))


def only_local(server: Server) -> tuple[Address, ...]:
    """The addresses of a server that listens on none but loopback addresses and unix sockets; else nothing."""
    addresses = tuple(dict.fromkeys(listen.address for listen in server.listens))
    return addresses if all(map(is_loopback, addresses)) else ()


def _holds(source: str, address: Address) -> bool:
    """Whether `set_real_ip_from SOURCE` trusts who connects to this local address."""
    if address.is_unix or source == "unix:":
        return address.is_unix and source == "unix:"
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return True  # a name: the resolver's business
    own = (address.ip,) if address.ip else (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
    return any(one in network for one in own)


def seen_proxy(snapshot: Snapshot, hints: Sequence[Hint], node: Node) -> str | None:
    """What says that a proxy stands before this place: the inventory, the configuration's hints or the access logs."""
    said = told(snapshot)
    if said is not None:
        return f"the inventory says {VARIABLE}: yes" if said else None
    server = node if node.name == "server" else node.enclosing("server")
    return next((text for where, text in hints if where in (None, server)), None) or logged(snapshot.peers)


def told(snapshot: Snapshot) -> bool | None:
    """What the host's variable `behind_proxy` says; None where it says nothing."""
    value = str(snapshot.variables.get(VARIABLE, "")).lower()
    return {"yes": True, "true": True, "no": False, "false": False}.get(value)


def hints(tree: NginxTree) -> tuple[Hint, ...]:
    """Listeners for a proxy (its protocol, or only this host reaches them); uses of a header that only proxies send."""
    return tuple(_hints(tree))


def _hints(tree: NginxTree) -> Iterator[Hint]:
    for server in servers(tree):
        for listen in server.listens:
            if listen.proxy_protocol and listen.node:
                yield server.node, f"{listen.node.where} expects the PROXY protocol"
        if local := only_local(server):
            yield server.node, f"{server.node.where} listens only on {', '.join(map(str, local))}: a proxy on this host"
    for each in tree.http.walk() if tree.http else ():
        match = None if each.name in ("log_format", "access_log") else _SENT_BY_PROXIES.search(" ".join(each.args))
        if match:
            yield each.enclosing("server"), f"{each.where} uses ${match[1]}, which only a proxy sends"


def logged(peers: Peers | Unknown) -> str | None:
    """Cloudflare among the last peers, or hardly more than one peer in a log that is long enough to tell."""
    counted = _counted(peers)
    edge = next((each for each in counted if cloudflare.holds(each)), None)
    if edge:
        return f"{edge} in the access log is Cloudflare's"
    total = sum(counted.values())
    busiest = sorted(counted, key=lambda each: counted[each], reverse=True)[:FEW_PEERS]
    if total >= ENOUGH_LINES and sum(counted[each] for each in busiest) >= MOST_OF_THEM * total:
        share = 100 * sum(counted[each] for each in busiest) // total
        return f"{share} % of {total} lines in the access log come from {', '.join(map(str, busiest))}"
    return None


def doubt(peers: Peers | Unknown) -> str | None:
    """Why the access logs cannot tell whether a proxy stands before nginx."""
    if isinstance(peers, Unknown):
        return f"the access logs are not known ({peers.reason})"
    total = sum(_counted(peers).values())
    return None if total >= ENOUGH_LINES else f"the access logs hold only {total} lines of other hosts"


def _counted(peers: Peers | Unknown) -> Mapping[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """Lines by address, loopback and what is no address left out."""
    found: dict[ipaddress.IPv4Address | ipaddress.IPv6Address, int] = {}
    for text, count in () if isinstance(peers, Unknown) else peers.items():
        address = _address(text)
        if address is not None and not address.is_loopback:
            found[address] = found.get(address, 0) + count
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
