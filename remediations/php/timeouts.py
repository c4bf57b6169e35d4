"""The chain of timeouts around a pool: max_execution_time < request_terminate_timeout <= fastcgi_read_timeout + 5 s.

Each should give up a little before the next one, so that who knows most about a slow request ends it. PHP counts its
own time as processor time on Linux: max_execution_time never ends a script that waits.
"""

from __future__ import annotations

from collections.abc import Iterator

from remediations.editors import nginx_time
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_upstreams import pass_targets
from remediations.editors.php_ini import quantity
from remediations.facts.base import Unknown
from remediations.php import memory
from remediations.php.pools import PoolAt
from remediations.snapshot import Snapshot

NGINX_READS_FOR = 60
LEEWAY = 5


def broken(snapshot: Snapshot, at: PoolAt) -> str:
    """The links of the chain that do not hold, one sentence each; empty where all do, or are not known."""
    return " ".join(_broken(snapshot, at))


def _broken(snapshot: Snapshot, at: PoolAt) -> Iterator[str]:
    ends, reads = at.pool.request_terminate_timeout.value, _reads_for(snapshot, at)
    if ends == 0 and reads is not None:
        yield (
            f"Nothing ends a request of pool {at.pool.name} that waits: nginx gives up after {reads} s, its worker "
            f"goes on. request_terminate_timeout = {reads + LEEWAY}s at most gives the worker back."
        )
    elif reads is not None and ends > reads + LEEWAY:
        yield (
            f"request_terminate_timeout of pool {at.pool.name} is {ends} s, but nginx gives up after {reads} s: until "
            f"then a worker works for nobody. It should be at most {reads + LEEWAY} s."
        )
    runs = _runs_for(snapshot, at)
    if 0 < ends <= runs:
        yield (
            f"max_execution_time is {runs} s, request_terminate_timeout of pool {at.pool.name} {ends} s: the first "
            "should be less, so that a script that computes too long ends with an error of PHP's own."
        )


def _reads_for(snapshot: Snapshot, at: PoolAt) -> int | None:
    """For how many seconds nginx waits for the pool's answer, at most; None where it does not pass to it by name."""
    tree = snapshot.nginx_tree
    targets = () if isinstance(tree, Unknown) else pass_targets(tree)
    mine = [each.node for each in targets if any(at.listens_at(address) for address in each.addresses)]
    said = [effective(node, "fastcgi_read_timeout").nodes for node in mine if node.name == "fastcgi_pass"]
    found = [nginx_time.seconds(nodes[-1].args[0]) if nodes and nodes[-1].args else NGINX_READS_FOR for nodes in said]
    return max((each for each in found if each is not None), default=None)


def _runs_for(snapshot: Snapshot, at: PoolAt) -> int:
    """max_execution_time as the pool's scripts start with it; 0 is no limit, which nothing is less than."""
    own = at.pool.php("max_execution_time")
    setting = memory.ini(snapshot, at.version).max_execution_time
    return quantity(own.value) if own else setting.value if setting.known else 0
