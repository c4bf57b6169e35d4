"""What is compiled into an nginx: the paths that hold where the configuration names none."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPTION = re.compile(r"--([\w-]+)=('[^']*'|\S*)")


@dataclass(frozen=True)
class Build:
    """Compiled-in paths, all absolute; `error_log` may be `stderr`.

    The defaults are Debian's with the error log of Debian's nginx.conf: its build says `stderr`.
    """

    prefix: str = "/usr/share/nginx"
    conf: str = "/etc/nginx/nginx.conf"
    error_log: str = "/var/log/nginx/error.log"
    access_log: str = "/var/log/nginx/access.log"
    pid: str = "/run/nginx.pid"
    lock: str = "/var/lock/nginx.lock"
    temporary: tuple[str, ...] = tuple(
        f"/var/lib/nginx/{name}" for name in ("body", "fastcgi", "proxy", "scgi", "uwsgi")
    )

    def absolute(self, path: str) -> str:
        """As nginx does with all but includes: relative to the prefix."""
        return path if path.startswith("/") else f"{self.prefix.rstrip('/')}/{path}"


def parse_build(version_output: str) -> Build:
    """From what `nginx -V` prints; options that are not there have the values of nginx's own configure script."""
    given = {match[1]: match[2].strip("'") for match in _OPTION.finditer(version_output)}
    prefix = given.get("prefix", "/usr/local/nginx")

    def path(option: str, default: str) -> str:
        value = given.get(option, default)
        return value if value.startswith("/") or value == "stderr" else f"{prefix.rstrip('/')}/{value}"

    kinds = {"client-body": "client_body", "fastcgi": "fastcgi", "proxy": "proxy", "scgi": "scgi", "uwsgi": "uwsgi"}
    return Build(
        prefix=prefix,
        conf=path("conf-path", "conf/nginx.conf"),
        error_log=path("error-log-path", "logs/error.log"),
        access_log=path("http-log-path", "logs/access.log"),
        pid=path("pid-path", "logs/nginx.pid"),
        lock=path("lock-path", "logs/nginx.lock"),
        temporary=tuple(path(f"http-{name}-temp-path", f"{default}_temp") for name, default in kinds.items()),
    )
