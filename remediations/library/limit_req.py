"""Limits how many requests one client may make: limit_req in chosen locations or servers, answered with 429.

Reach for it where a crawler or an attacker drives the backend into 502 while others wait. Without `locations` and
`servers` every location that passes to a backend is limited: 10 requests a second for each client address, 20 more at
once, anything above is answered with 429 instead of nginx's 503, which looks like an outage. The zone stands in a file
of its own under conf.d where the configuration includes it, else in http{}. A location inherits the limit of what
stands around it.

It never overrides a limit that stands or is inherited: such a place is left as it is, and reported. It never limits a
location that matches nothing but the health path, and never gives a changed key to an old zone, which a running nginx
would refuse. It refuses where a proxy or load balancer stands before nginx (seen in the access logs, the configuration,
the inventory, or said by `behind_proxy`) and no real_ip settings apply: all clients would share one limit. It never
edits a configuration that does not validate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from remediations.changes import nginx
from remediations.findings import Finding
from remediations.library._limit_draft import ID, Draft
from remediations.library._limit_places import unknown
from remediations.library._limit_zone import DEFAULT_KEY
from remediations.plan import Proposal
from remediations.snapshot import Snapshot


@dataclass(frozen=True)
class LimitReq:
    """`locations` and `servers` empty: every location that passes to a backend."""

    name: ClassVar[str] = ID
    always_acts: ClassVar[bool] = False

    locations: tuple[str, ...] = field(
        default=(),
        metadata={"help": "locations as they are written, such as /api/ or '= /login'; in servers, if given"},
    )
    servers: tuple[str, ...] = field(
        default=(), metadata={"help": "server_names whose servers are limited as a whole, or hold the locations"}
    )
    rate: str = field(
        default="10r/s", metadata={"help": "requests a second or minute", "pattern": r"[1-9][0-9]{0,6}r/[sm]"}
    )
    burst: int = field(default=20, metadata={"help": "requests above the rate", "min": 0, "max": 1_000_000})
    nodelay: bool = field(default=True, metadata={"help": "answer the burst at once instead of at the rate"})
    zone_size: str = field(
        default="10m", metadata={"help": "memory for the counters", "pattern": r"[1-9][0-9]{0,4}[kKmM]"}
    )
    key: str = field(
        default=DEFAULT_KEY, metadata={"help": "what is counted by", "pattern": r"[!#-:<-z|~]*\$[!#-:<-z|~]+"}
    )
    status: int = field(
        default=429, metadata={"help": "the answer above the limit, where none is set", "min": 400, "max": 599}
    )
    behind_proxy: Literal["auto", "yes", "no"] = field(
        default="auto",
        metadata={"help": "whether a proxy stands before nginx; auto looks at logs, configuration, inventory"},
    )

    def __post_init__(self) -> None:
        size = int(self.zone_size[:-1]) * {"k": 1, "m": 1024}[self.zone_size[-1].lower()]
        if size < 32:
            raise ValueError(f"zone_size: {self.zone_size} is too small, nginx wants at least 32k")

    def plan(self, snapshot: Snapshot, findings: Sequence[Finding]) -> Proposal:
        del findings  # what stands in the files decides
        if snapshot.nginx is None:
            return Proposal(notes=("nginx is not installed",))
        refusals = nginx.refusals(snapshot)
        if not refusals:
            refusals = tuple(unknown(nginx.known_tree(snapshot), self.servers, self.locations))
        return Proposal(refusals=refusals) if refusals else Draft(self, snapshot).proposal()

    @property
    def by_address(self) -> bool:
        """Whether clients are told apart by the address that nginx sees."""
        return "remote_addr" in self.key

    def arguments(self, zone: str) -> tuple[str, ...]:
        """Of limit_req."""
        return (
            f"zone={zone}",
            *([f"burst={self.burst}"] if self.burst else []),
            *(["nodelay"] if self.burst and self.nodelay else []),
        )
