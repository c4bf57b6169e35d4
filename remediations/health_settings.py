"""How a host's health is judged: the `health` keys of an inventory or a playbook, and which of them counts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from remediations.errors import UsageError
from remediations.yaml.node import Node, Source

MAXIMUM_TIMEOUT = 300.0

_URL = re.compile(r"https?://(?P<server>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?([/?][!\x22$-~]*)?")
_HOST_HEADER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)(:[0-9]{1,5})?")
_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(ms|s|m)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


@dataclass(frozen=True)
class HealthSettings:
    """What counts as healthy. `url` None means derived from the live nginx configuration; `timeout` is in seconds.

    `also` is one more question, which is asked from outside, too. `origin` says where the settings were found, for
    reports: `--health-url`, `inventory.yml:12`, `derived`.
    """

    url: str | None = None
    host: str | None = None
    status: tuple[tuple[int, int], ...] = ((200, 399),)
    contains: str | None = None
    timeout: float = 5.0
    origin: str = "derived"
    also: str | None = None

    def accepts(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.status)


DERIVED = HealthSettings()


def parse(node: Node, key: str = "health") -> HealthSettings | None:
    """The settings in a `health` mapping; None where it is null, which means: not set here."""
    if node.value is None:
        return None
    given = node.mapping_of(key, tuple(_READERS))
    values = {name: _READERS[name](value, f"{key}.{name}") for name, value in given.items()}
    return dataclasses.replace(DERIVED, origin=node.where, **values)


def from_url(url: str) -> HealthSettings:
    """What `--health-url URL` asks for."""
    option = Node(Source("--health-url", UsageError), 0, url, url)
    return HealthSettings(url=_url(option, ""), origin="--health-url")


def visitors_url(url: str) -> str:
    """What `--url URL` means, with a path; UsageError where it is none that can be asked without a secret."""
    text = _url(Node(Source("--url", UsageError), 0, url, url), "")
    parts = urlsplit(text)
    return parts._replace(path=parts.path or "/").geturl()


def choose(health_url: str | None, inventory: HealthSettings | None, playbook: HealthSettings | None) -> HealthSettings:
    """The first that is set, whole: `contains` of one place is never mixed with the `url` of another.

    Host var before group var is settled where the inventory merges its vars; with nothing set the check is derived.
    """
    if health_url is not None:
        return from_url(health_url)
    return inventory or playbook or DERIVED


def _url(node: Node, key: str) -> str:
    text = node.string(key, "a URL")
    match = _URL.fullmatch(text)
    if not match or int(match["port"] or 80) not in range(1, 65536):
        raise node.error(key, f"expected a URL such as http://localhost/health, without user or #, got {text!r}")
    return text


def _host(node: Node, key: str) -> str:
    text = node.string(key, "a Host header")
    if not _HOST_HEADER.fullmatch(text):
        raise node.error(key, f"expected a Host header such as example.com, got {text!r}")
    return text


def _status(node: Node, key: str) -> tuple[tuple[int, int], ...]:
    if isinstance(node.value, tuple) and node.value:
        return tuple(span for item in node.value for span in _status_spans(item, key))
    return _status_spans(node, key)


def _status_spans(node: Node, key: str) -> tuple[tuple[int, int], ...]:
    wanted = "a status such as 200, a range such as 200-399, or a list of them"
    return tuple(_span(part.strip(), node, key, wanted) for part in node.string(key, wanted).split(","))


def _span(text: str, node: Node, key: str, wanted: str) -> tuple[int, int]:
    match = _STATUS.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if low > high:
        raise node.error(key, f"expected {wanted} (100 to 599, the lower first), got {text!r}")
    return low, high


def _contains(node: Node, key: str) -> str:
    return node.string(key, "the text that a healthy page contains")


def _timeout(node: Node, key: str) -> float:
    wanted = f"a time such as 5s or 500ms, above 0 and up to {MAXIMUM_TIMEOUT:g}s"
    text = node.string(key, wanted)
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds <= MAXIMUM_TIMEOUT:
        raise node.error(key, f"expected {wanted}, got {text!r}")
    return seconds


# Any: dataclasses.replace wants each field's own type, which a table of readers cannot say.
_READERS: Mapping[str, Callable[[Node, str], Any]] = {
    "url": _url,
    "host": _host,
    "status": _status,
    "contains": _contains,
    "timeout": _timeout,
}
