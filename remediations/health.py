"""Health: which questions are put to a site, and whether its answers are good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from remediations.editors.nginx_address import Address
from remediations.editors.nginx_servers import Listen, Server, default_server, servers
from remediations.editors.nginx_tree import NginxTree
from remediations.editors.nginx_upstreams import pass_targets
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, HttpAnswers, Probe
from remediations.health_settings import HealthSettings

MOST_PROBES = 16
"""A derived check asks at most this many questions; 500 sites on one host share their backends anyway."""

Layer = Literal["nginx", "apache", "app", "php", "wordpress", "cloudflare", "alb", "network"]

# Who made an error page, told from the page itself.
_SIGNATURES: tuple[tuple[Layer, str, str], ...] = (
    ("cloudflare", "head", r"(?im)^server: cloudflare"),
    ("alb", "head", r"(?im)^server: awselb/"),
    ("wordpress", "body", r"There has been a critical error on this website|Error establishing a database connection"),
    ("nginx", "body", r"<hr><center>nginx"),
    ("apache", "body", r"<title>50\d Proxy Error|<address>Apache"),
    ("php", "head", r"(?im)^x-powered-by: php"),
)


@dataclass(frozen=True)
class Health:
    """`ok` is None where it could not be asked (`summary` says why); `layer` names who made a bad answer."""

    ok: bool | None
    status: int | None
    layer: Layer | None
    summary: str
    answers: HttpAnswers = ()


def probes(settings: HealthSettings, tree: NginxTree | Unknown) -> tuple[Probe, ...]:
    """The one question that the settings ask, or those that follow from the live nginx configuration."""
    if settings.url is not None:
        return (Probe(settings.url, settings.host, None, settings.status, settings.contains, settings.timeout),)
    if isinstance(tree, Unknown):
        return (_derived("http://localhost/", None, settings),)
    asked = dict.fromkeys(_derive(tree, settings))
    return tuple(asked)[:MOST_PROBES] or (_derived("http://localhost/", None, settings),)


def _derive(tree: NginxTree, settings: HealthSettings) -> Iterator[Probe]:
    """Each server's first page, then one page of each location that passes to a backend."""
    reachable = [(server, listen) for server in servers(tree) if (listen := _plain_listen(server))]
    for server, listen in reachable:
        yield _ask(tree, server, listen, "/", settings)
    for server, listen in reachable:
        for path in _backend_paths(tree, server):
            yield _ask(tree, server, listen, path, settings)


def _plain_listen(server: Server) -> Listen | None:
    return next((listen for listen in server.listens if not listen.proxy_protocol), None)


def _backend_paths(tree: NginxTree, server: Server) -> Iterator[str]:
    for target in pass_targets(tree):
        if target.location and server.node in target.node.ancestors() and target.location.literal_path:
            yield target.location.literal_path


def _ask(tree: NginxTree, server: Server, listen: Listen, path: str, settings: HealthSettings) -> Probe:
    default = default_server(tree, listen.address)
    name = next(iter(server.literal_names), None)
    if name is None and default is not None and default.node is not server.node:
        name = "_"
    scheme = "https" if listen.ssl else "http"
    return _derived(f"{scheme}://{name or 'localhost'}{path}", _connect(listen.address), settings)


def _derived(url: str, connect: str | None, settings: HealthSettings) -> Probe:
    host = settings.host
    return Probe(url, host, connect, settings.status, settings.contains, settings.timeout, derived=True)


def _connect(address: Address) -> str:
    if address.path is not None:
        return address.path
    local = {"*": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return str(replace(address, host=local))


def judge(answers: HttpAnswers | Unknown) -> Health:
    """Bad if one answer is bad; the first bad one speaks for the site."""
    if isinstance(answers, Unknown):
        return Health(None, None, None, answers.reason)
    bad = next((answer for answer in answers if complaint(answer)), None)
    if bad:
        return Health(False, bad.status, layer(bad), f"{bad.probe.url}: {complaint(bad)}", answers)
    first, others = answers[0], len({answer.probe for answer in answers}) - 1
    also = f", and {others} more" if others else ""
    return Health(True, first.status, None, f"{first.probe.url}: {first.status}{also}", answers)


def complaint(answer: HttpAnswer) -> str | None:
    """Why this answer is not good, or None."""
    probe, status = answer.probe, answer.status
    if status is None:
        return answer.failure or "no answer"
    if probe.derived and status >= 500:
        return f"status {status}"
    if not probe.derived and not any(low <= status <= high for low, high in probe.status):
        return f"status {status}"
    if status == 200 and answer.size == 0:
        return "status 200 with an empty body"
    if probe.contains and not answer.contains:
        return f"status {status}, but the body does not contain {probe.contains!r}"
    return None


def layer(answer: HttpAnswer) -> Layer:
    """Who made this answer: told from its headers and its body."""
    if answer.status is None:
        return "network"
    for name, part, pattern in _SIGNATURES:
        if re.search(pattern, answer.head if part == "head" else answer.body):
            return name
    return "app"
