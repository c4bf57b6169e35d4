"""An address as nginx writes it: a host and port, or the path of a unix socket."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True)
class Address:
    """Either `path` (a unix socket) or `host` and `port`; an IPv6 host stands without its brackets."""

    host: str = ""
    port: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_unix(self) -> bool:
        return self.path is not None

    @property
    def is_literal(self) -> bool:
        """Whether it names one address without asking a resolver."""
        return self.is_unix or self.ip is not None

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parse_address(text: str, default_port: int | None) -> Address | None:
    """`unix:/path`, `host`, `host:port`, `[v6]` or `[v6]:port`; None where it is none of these."""
    if text.startswith("unix:"):
        return Address(path=text.removeprefix("unix:"))
    match = _HOST_PORT.fullmatch(text)
    if match is None or not match["host"]:
        return None
    return Address(match["host"].strip("[]"), int(match["port"]) if match["port"] else default_port)
