"""Log sources: which logs of a host tell of its site, and who writes them."""

from __future__ import annotations

import re

from remediations.editors import nginx_paths
from remediations.facts.base import Unknown
from remediations.facts.journal import Journal
from remediations.facts.logs import Log, Logs
from remediations.host import topology
from remediations.nginx import log
from remediations.php import pools
from remediations.snapshot import Snapshot

_BEFORE_TIME = re.compile(r"^\S{1,255} \S{1,64}: (?=\d{4}/\d\d/\d\d )")
"""The host's name and nginx's own, which journald leaves in some messages that come by syslog."""


def errors(snapshot: Snapshot) -> tuple[str, ...]:
    """The error logs of nginx and of every PHP-FPM."""
    paths: list[str] = []
    if snapshot.live_nginx and not isinstance(snapshot.nginx_tree, Unknown):
        named = nginx_paths.log_paths(snapshot.nginx_tree, snapshot.live_nginx.build, "error_log")
        paths += [*named, snapshot.live_nginx.build.error_log]
    paths += of_fpm(snapshot)
    return tuple(dict.fromkeys(path for path in paths if path.startswith("/")))


def of_fpm(snapshot: Snapshot) -> list[str]:
    """The error log of every PHP-FPM."""
    if isinstance(snapshot.fpm_versions, Unknown):
        return []
    logs_of = (version.config.global_settings.error_log.value for version in snapshot.fpm_versions)
    return [path for path in logs_of if path]


def slow(snapshot: Snapshot) -> tuple[str, ...]:
    """Where pools write what keeps them waiting, if they do."""
    if isinstance(snapshot.fpm_versions, Unknown):
        return ()
    every = pools.every(snapshot.fpm_versions)
    asked = (at.pool.slowlog.value for at in every if at.pool.request_slowlog_timeout.value > 0)
    return tuple(dict.fromkeys(path for path in asked if path and path.startswith("/")))


def accesses(snapshot: Snapshot) -> tuple[str, ...]:
    """Where nginx notes its requests."""
    if not snapshot.live_nginx or isinstance(snapshot.nginx_tree, Unknown):
        return ()
    build = snapshot.live_nginx.build
    return nginx_paths.log_paths(snapshot.nginx_tree, build, "access_log") or (build.access_log,)


def writers(snapshot: Snapshot) -> tuple[int, ...]:
    """The masters of nginx and of every PHP-FPM, which hold their logs open."""
    versions = () if isinstance(snapshot.php, Unknown) else snapshot.php.versions
    masters = (snapshot.live_nginx.master if snapshot.live_nginx else None, *(fpm.master for fpm in versions))
    return tuple(pid for pid in masters if pid)


def in_journal(snapshot: Snapshot) -> bool:
    """Whether nginx is configured to say there, and in no file, why a request failed."""
    tree = snapshot.nginx_tree
    return not isinstance(tree, Unknown) and any(map(nginx_paths.heard_elsewhere, nginx_paths.deaf_logs(tree)))


def nginx_units(snapshot: Snapshot) -> list[str]:
    """The unit in which nginx runs, where there is one."""
    unit = topology.nginx_unit(snapshot)
    return [unit.name] if unit else []


def with_journal(snapshot: Snapshot, files: Logs | Unknown, said: Journal | Unknown) -> Logs | Unknown:
    """The logs, with nginx's own lines in the journal as one more."""
    if isinstance(files, Unknown) or isinstance(said, Unknown):
        return files
    name = log.JOURNAL + "".join(nginx_units(snapshot) or ["nginx"])
    lines = (_BEFORE_TIME.sub("", line.message) for line in said)
    return {**files, name: Log(name, "\n".join(lines).encode(), cut=False)}
