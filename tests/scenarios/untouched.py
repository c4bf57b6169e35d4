"""What a dry run may not touch: every byte, mode, owner and time below these folders, and every process's start."""

from __future__ import annotations

from tests.lab.host import LabHost
from tests.on_host import files_of

FOLDERS = ("/etc", "/run", "/var/log", "/var/lib", "/srv", "/var/www")
# What each login leaves, whoever logs in: tests/test_dry_run_touches_nothing.py shows that. systemd's links to the
# present start of a unit, and the journal's streams, move where a unit dies over and over.
MOVING = ("/run/systemd/units", "/run/systemd/journal/streams")
LOGIN = ("/var/log/journal", "/run/log/journal", "/run/motd.dynamic", *MOVING)
SITES_OWN = ("/var/lib/php/sessions",)
"""What a site writes for each question, as it would for any other visitor."""
PROCESSES = "ps -eo pid=,lstart=,args= | grep -E 'nginx: master|php-fpm: master' | grep -v grep || true"
VALIDATED = "find /var/log /srv -name '*.log' -exec grep -hE 'configuration file .* test' {} + || true"


def state_of(host: LabHost) -> frozenset[str]:
    """Logs grow by our questions to the site: of them the names, modes and owners, and what no question writes."""
    files = (_lasting(line) for line in files_of(host, *FOLDERS, without=(*LOGIN, *SITES_OWN)))
    said = host.sh(f"{PROCESSES}; {VALIDATED}").decode(errors="surrogateescape").splitlines()
    return frozenset([*files, *said])


def _lasting(line: str) -> str:
    path, bar, rest = line.partition("|")
    if not bar:
        return "" if line.endswith(".log") else line
    if path.endswith(".log"):
        return "|".join([path, *rest.split("|")[:3]])
    return path if path == "/run" else line
