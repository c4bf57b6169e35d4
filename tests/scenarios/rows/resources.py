"""What a host lives on is used up: room, inodes, memory; or its database is down."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.lab.host import LabHost
from tests.scenarios.rows.services import FPM, START_FPM
from tests.scenarios.scenario import Scenario

MARIADB = "mariadb.service"
SESSIONS = "/var/lib/php/sessions"


def full_logs_and_stopped(host: LabHost) -> None:
    """Somebody stopped PHP-FPM, and the disk of the logs is full: the one explains nothing of the other."""
    FAULTS["disk-full"](host)
    FAULTS["service-stopped"](host)


ROWS = (
    Scenario("disk-full", FAULTS["disk-full"], ("disk-full", "/var/log"), refused=("/var/log/zero",)),
    Scenario(
        "sessions-disk-full",
        FAULTS["sessions-disk-full"],
        ("disk-full", SESSIONS),
        refused=("du -xh /var/lib/php/sessions", "Delete only what its owner agrees to"),
    ),
    Scenario("inodes-full", FAULTS["inodes-full"], ("inodes-full", SESSIONS), refused=("find /var/lib/php/sessions",)),
    Scenario(
        "database-down",
        FAULTS["database-down"],
        ("database-down", MARIADB),
        cured=(("start", MARIADB),),
        variant="database",
    ),
    Scenario(
        "database-disk-full",
        FAULTS["database-disk-full"],
        ("disk-full", "/var/lib/mysql"),
        also=(("database-down", MARIADB),),
        refused=("never a database's files", "make room first"),
        variant="database",
    ),
    Scenario("worker-oom", FAULTS["worker-oom"], ("worker-oom", f"{FPM}:www"), refused=("Never raise",)),
    Scenario(
        "disk-full, service-stopped",
        full_logs_and_stopped,
        ("service-stopped", FPM),
        also=(("disk-full", "/var/log"),),
        cured=START_FPM,
    ),
)
