"""Places: what those who serve the site must be able to write, and where that lies."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors import nginx_paths
from remediations.facts.base import Unknown
from remediations.host import databases, topology
from remediations.snapshot import FpmVersion, Snapshot

LOGS = "logs"
SESSIONS = ("/var/lib/php/sessions", "/var/lib/php/session")
"""Debian's and RHEL's, where php.ini names none."""

_SAVE_PATH = re.compile(rb"(?m)^\s*session\.save_path\s*=\s*\"?(?:\d+;)*(/[^\"\s;]*)")


@dataclass(frozen=True)
class Place:
    """A folder and what is written there."""

    path: str
    what: str


def written(snapshot: Snapshot) -> tuple[Place, ...]:
    """The places on which the site depends, each once."""
    found = (*_nginx(snapshot), *_php(snapshot), *_run(snapshot), *_databases(snapshot))
    return tuple(dict.fromkeys((*found, Place("/var/log", LOGS), Place("/tmp", "temporary files"), Place("/", "/"))))  # noqa: S108 - only its file system is looked at


def _nginx(snapshot: Snapshot) -> Iterator[Place]:
    nginx, tree = snapshot.live_nginx, snapshot.nginx_tree
    if nginx is None or isinstance(tree, Unknown):
        return
    for path in nginx_paths.log_paths(tree, nginx.build):
        if not path.startswith("/dev/"):
            yield Place(posixpath.dirname(path), LOGS)
    temporary = [nginx.build.absolute(node.args[0]) for node in tree.walk() if _is_temporary(node.name) and node.args]
    for path in (*temporary, *nginx.build.temporary):
        yield Place(path, "nginx's temporary files")


def _is_temporary(name: str) -> bool:
    return name.endswith(("_temp_path", "_cache_path"))


def _php(snapshot: Snapshot) -> Iterator[Place]:
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    for version in versions:
        log = version.config.global_settings.error_log.value
        if log and log.startswith("/"):
            yield Place(posixpath.dirname(log), LOGS)
        for path in _sessions(snapshot, version):
            yield Place(path, "PHP's sessions")


def _sessions(snapshot: Snapshot, version: FpmVersion) -> tuple[str, ...]:
    named = [pool.php("session.save_path") for pool in version.config.pools]
    paths = [one.value for one in named if one and one.value.startswith("/")]
    for file in version.fpm.ini_files:
        if file in snapshot.files:
            paths += [match.decode(errors="replace") for match in _SAVE_PATH.findall(snapshot.files[file].data)[-1:]]
    return tuple(dict.fromkeys(paths)) or SESSIONS


def _run(snapshot: Snapshot) -> Iterator[Place]:
    sockets = (one.path for one in topology.backend_addresses(snapshot) if one.path)
    for folder in dict.fromkeys(("/run", *(posixpath.dirname(path) for path in sockets))):
        yield Place(folder, "sockets and pid files")


def _databases(snapshot: Snapshot) -> Iterator[Place]:
    for server in databases.servers(snapshot):
        yield Place(server.folder, f"{server.unit.name}'s data")
