"""Ways to break a host for real, as an outage would; each returns once the host is broken."""

import shlex
from collections.abc import Callable
from functools import partial

from tests.lab.connecting_faults import CONNECTING_FAULTS
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.resource_faults import NEEDS, RESOURCE_FAULTS
from tests.lab.responding_faults import RESPONDING_FAULTS, silent_database
from tests.lab.site import POOL
from tests.lab.unit_faults import UNIT_FAULTS
from tests.lab.upstream_faults import UPSTREAM_FAULTS

Fault = Callable[[LabHost], None]
UNIT = "php8.2-fpm.service"
SOCKET = "/run/php/php8.2-fpm.sock"
FPM_LOG = "/var/log/php8.2-fpm.log"
BROKEN_SITE = "/etc/nginx/sites-enabled/zz-typo"
BACKLOG = 4
SMALL_POOL = {"pm.max_children": 2, "pm.start_servers": 1, "pm.min_spare_servers": 1, "pm.max_spare_servers": 1}


def service_stopped(host: LabHost, unit: str = UNIT) -> None:
    """Someone stopped the unit; by default the shop then answers 502."""
    host.sh(f"systemctl stop {shlex.quote(unit)}")


def service_crashed(host: LabHost) -> None:
    """The PHP-FPM master is killed: the unit is failed and its socket file stays behind; the shop answers 502."""
    _kill_master(host)
    _until(host, f"[ $(systemctl show -P ActiveState {UNIT}) = failed ]")


def start_limit_hit(host: LabHost) -> None:
    """Restarted by hand until systemd refuses: "Start request repeated too quickly", Result=start-limit-hit."""
    host.sh(f"for n in 1 2 3 4 5 6 7; do systemctl restart {UNIT} 2>/dev/null || exit 0; done; exit 1")


def crash_loop(host: LabHost) -> None:
    """Crashed and started until systemd refuses: the same line in the journal, but Result keeps the first: signal."""
    for _ in range(8):
        service_crashed(host)
        if b"refused" in host.sh(f"systemctl start {UNIT} 2>/dev/null || echo refused"):
            return
    raise LabError(f"{host.name}: {UNIT} still starts after eight crashes")


def socket_deleted(host: LabHost) -> None:
    """The socket file is gone while the unit runs on; the shop answers 502."""
    host.sh(f"rm {SOCKET}")


def config_invalid(host: LabHost) -> None:
    """A typo in nginx's configuration that nobody noticed yet: both sites still answer, a reload would not work."""
    host.write(BROKEN_SITE, b"server {\n    listen 80;\n    sevrer_name typo.example;\n}\n")


def config_invalid_stopped(host: LabHost) -> None:
    """The same typo, noticed at the restart: nginx is failed and nothing listens on port 80."""
    config_invalid(host)
    host.sh("systemctl restart nginx.service 2>/dev/null || true")
    _until(host, "[ $(systemctl show -P ActiveState nginx.service) = failed ]")


def pool_blocked(host: LabHost, seconds: int = 60) -> None:
    """The same, but both workers wait for a database that does not answer: more of them would wait as well."""
    silent_database(host)
    pool_exhausted(host, seconds, page="/report.php")


def pool_exhausted(host: LabHost, seconds: int = 60, page: str = "/slow.php") -> None:
    """Both workers of the pool are at work on slow requests and its queue is full: others get 502 for `seconds`.

    The backlog is set low, since with Debian's 511 requests would wait for nginx's 60 s and get 504 instead.
    """
    _set_pool(host, {**SMALL_POOL, "listen.backlog": BACKLOG})
    host.sh(f"systemctl restart {UNIT}")
    for _ in range(2):
        _ask_in_background(host, f"{page}?seconds={seconds}", seconds)
    _until(host, f"[ $(pgrep -fc '[p]hp-fpm: pool www') = 2 ] && grep -q 'reached pm.max_children' {FPM_LOG}")
    for _ in range(BACKLOG + 4):
        _ask_in_background(host, "/index.php", seconds)
    _until(host, f"[ $({_status('/')}) = 502 ]")


FAULTS: dict[str, Fault] = {
    "service-stopped": service_stopped,
    "service-crashed": service_crashed,
    "start-limit-hit": start_limit_hit,
    "crash-loop": crash_loop,
    "socket-deleted": socket_deleted,
    "config-invalid": config_invalid,
    "config-invalid-stopped": config_invalid_stopped,
    "pool-exhausted": partial(pool_exhausted, seconds=600),
    "app-8001-stopped": partial(service_stopped, unit="app@8001.service"),
    "app-8002-stopped": partial(service_stopped, unit="app@8002.service"),
    "apps-stopped": partial(service_stopped, unit="app@*.service"),
    **RESOURCE_FAULTS,
    **UPSTREAM_FAULTS,
    "pool-blocked": partial(pool_blocked, seconds=600),
    **CONNECTING_FAULTS,
    **UNIT_FAULTS,
    **RESPONDING_FAULTS,
}
"""By the names that `lab.up --broken` takes; they follow the causes' names."""


def find(name: str) -> Fault:
    """The fault of that name; LabError lists the names."""
    if name not in FAULTS:
        raise LabError(f"no such fault: {name}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]


def needs(name: str) -> tuple[str, ...]:
    """The features that a host must have for this fault."""
    return (NEEDS[name],) if name in NEEDS else ()


def _kill_master(host: LabHost) -> None:
    host.sh("kill -KILL $(cat /run/php/php8.2-fpm.pid)")


def _set_pool(host: LabHost, settings: dict[str, int]) -> None:
    """Replaces each setting where it stands, commented out or not, as an operator would."""
    edits = " ".join(f"-e 's/^;*{key} = .*/{key} = {value}/'" for key, value in settings.items())
    host.sh(f"sed -i {edits} {POOL}")


def _ask_in_background(host: LabHost, path: str, seconds: int) -> None:
    """A client that gives up after a while, so that the outage ends even if nobody cures it."""
    curl = f"curl -s -o /dev/null -m {seconds} -H 'Host: shop.example' http://127.0.0.1{path}"
    host.sh(f"setsid --fork {curl} </dev/null >/dev/null 2>&1")


def _status(path: str) -> str:
    return f"curl -s -o /dev/null -m 2 -w '%{{http_code}}' -H 'Host: shop.example' http://127.0.0.1{path}"


def _until(host: LabHost, condition: str, seconds: int = 50) -> None:
    """Waits for what a fault has promised; LabError where it does not come about."""
    loop = f"n=0; until {condition}; do n=$((n+1)); [ $n -lt {seconds * 20} ] || exit 1; sleep 0.05; done"
    host.sh(f"timeout {seconds} sh -c {shlex.quote(loop)}")
