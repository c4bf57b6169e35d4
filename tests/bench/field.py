"""The field of a bench: fresh lab hosts, their inventory, and how they are put back to where they were."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bench import cores
from tests.lab.host import LabHost
from tests.lab.inventory import variables
from tests.lab.lab import boot

_TREES = ("/etc/nginx", "/etc/systemd/system")
_KEEP = "mkdir /root/kept && cp -a --parents -- " + " ".join(_TREES) + " /root/kept"
# The lines that wait let nginx's old workers go: a plan made meanwhile would see them.
_RESTORE = f"""
cd /root/kept && for tree in {" ".join(_TREES)}; do rm -rf "$tree" && cp -a ".$tree" "$tree"; done
while [ -e /var/lib/remediate/current ]; do sleep 0.1; done # what the run before has confirmed is being tidied
rm -rf /var/lib/remediate
systemctl daemon-reload && systemctl reload nginx.service
n=0; while pgrep -f 'nginx: worker process is shutting' >/dev/null && [ $n -lt 50 ]; do n=$((n+1)); sleep 0.1; done
sleep 0.3
"""


@dataclass(frozen=True)
class Field:
    """Hosts and a scratch folder for whatever the bench's processes write."""

    hosts: tuple[LabHost, ...]
    folder: Path

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    def restore(self, count: int) -> None:
        """The first `count` hosts as they were booted, at the same time."""
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda host: host.sh(_RESTORE), self.hosts[:count]))


@contextmanager
def booted(count: int, folder: Path) -> Iterator[Field]:
    """That many hosts, gone afterwards."""
    with ExitStack() as stack:
        hosts = []
        for number in range(1, count + 1):
            with cores.for_hosts():
                hosts.append(boot(f"bench{number}", folder))
            stack.callback(hosts[-1].stop)
            hosts[-1].sh(_KEEP)
        field = Field(tuple(hosts), folder)
        shape = {"all": {"hosts": {host.name: variables(host) for host in hosts}}}
        field.inventory.write_text(yaml.safe_dump(shape))
        yield field
