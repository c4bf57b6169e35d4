"""The files beside its configuration that nginx touches: logs, pid, caches, sockets, and who it runs as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remediations.editors.nginx_build import Build
from remediations.editors.nginx_effective import effective
from remediations.editors.nginx_tree import NginxTree, Node

_NO_FILE = ("stderr", "syslog:", "memory:", "off")
_ABOVE_ERROR = ("crit", "alert", "emerg")


@dataclass(frozen=True)
class Log:
    """One log: `path` is None where it goes to no file of a fixed name (syslog, stderr, `off`, a variable).

    The node is None for the log that is compiled in.
    """

    path: str | None
    node: Node | None


def error_logs(node: Node, build: Build) -> tuple[Log, ...]:
    """Where errors of this block go."""
    return _logs(node, "error_log", build.error_log, build)


def access_logs(node: Node, build: Build) -> tuple[Log, ...]:
    """Where requests to this server or location are logged; empty where `off` says so."""
    logs = _logs(node, "access_log", build.access_log, build)
    return tuple(log for log in logs if log.node is None or log.node.args[:1] != ("off",))


def deaf_logs(tree: NginxTree) -> tuple[Node, ...]:
    """The `error_log` directives of which no file tells why a request failed: another target, or too high a level."""
    nodes = (node for node in tree.walk() if node.name == "error_log" and node.args)
    return tuple(
        node
        for node in nodes
        if node.args[0].startswith(_NO_FILE) or node.args[0] == "/dev/null" or node.args[-1] in _ABOVE_ERROR
    )


def heard_elsewhere(node: Node) -> bool:
    """Whether this `error_log` goes to where a journal may hear it, at a level that tells why a request failed."""
    told = node.args[0].startswith(("syslog:server=unix:/dev/log", "syslog:server=unix:/run/systemd/", "stderr"))
    return told and node.args[-1] not in _ABOVE_ERROR


def log_paths(tree: NginxTree, build: Build, *kinds: str) -> tuple[str, ...]:
    """Every log file that the configuration names, once; of the `kinds` error_log and access_log, by default both."""
    wanted = kinds or ("error_log", "access_log")
    named = (_log_path(node, build) for node in tree.walk() if node.name in wanted)
    return tuple(dict.fromkeys(path for path in named if path))


def pid_path(tree: NginxTree, build: Build) -> str:
    return next(_main_paths(tree, build, "pid"), build.pid)


def user(tree: NginxTree) -> tuple[str, str] | None:
    """User and group of the workers; None where the configuration leaves it to what is compiled in."""
    args = next((node.args for node in tree.root.named("user") if node.args), None)
    return None if args is None else (args[0], args[-1])


def written_paths(tree: NginxTree, build: Build) -> tuple[str, ...]:
    """Every path that `nginx -t` may create or write: even a test opens logs, makes directories and binds sockets."""
    found = [pid_path(tree, build), next(_main_paths(tree, build, "lock_file"), build.lock), *build.temporary]
    found += [path for path in (build.error_log, build.access_log) if path != "stderr"]
    found += log_paths(tree, build)
    for node in tree.walk():
        found += _directories(node, build)
        found += _sockets(node)
    return tuple(sorted(set(found)))


def _logs(node: Node, name: str, default: str, build: Build) -> tuple[Log, ...]:
    found = effective(node, name)
    if not found:
        return (Log(None if default == "stderr" else default, None),)
    return tuple(Log(_log_path(each, build), each) for each in found.nodes)


def _log_path(node: Node, build: Build) -> str | None:
    target = node.args[0] if node.args else "stderr"
    return None if "$" in target or target.startswith(_NO_FILE) else build.absolute(target)


def _main_paths(tree: NginxTree, build: Build, name: str) -> Iterator[str]:
    return (build.absolute(node.args[0]) for node in tree.root.named(name) if node.args)


def _directories(node: Node, build: Build) -> Iterator[str]:
    if node.name.endswith(("_temp_path", "_cache_path")) and node.args:
        yield build.absolute(node.args[0])


def _sockets(node: Node) -> Iterator[str]:
    """nginx binds a unix socket in a test too, and removes it again."""
    if node.name == "listen" and node.args and node.args[0].startswith("unix:"):
        yield node.args[0].removeprefix("unix:")
