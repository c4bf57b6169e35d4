"""PHP's fatal errors: a page ends with 500 since the script, or what it needs, fails; PHP-FPM and nginx are well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from remediations.causes import configuration, database, disks
from remediations.findings import Evidence, Finding
from remediations.nginx import complaints
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

_FATAL = re.compile(
    r"FastCGI sent in stderr: \"(?:.*?)PHP (?:Fatal|Parse) error: +(?P<what>[^\n]{1,1000}?)"
    r"(?: in (?P<file>/[^\s:]{1,500})(?: on line |:)(?P<line>\d+)|\n|\" while |\"?$)",
    re.DOTALL,
)
_NEEDS = (
    (
        "Allowed memory size",
        "One request wants more than memory_limit allows: find what it loads; a larger memory_limit for this pool "
        "(php_admin_value[memory_limit]) costs that much more a worker, so lower pm.max_children with it.",
    ),
    (
        "Maximum execution time",
        "Find what takes so long there: a loop, a query, a server elsewhere. A larger max_execution_time lets it hold "
        "a worker for longer.",
    ),
    ("Too many connections", "The database has no connection left: SHOW PROCESSLIST there says who holds them."),
    ("Access denied", "The database refuses the site's user or password: compare them with the site's configuration."),
)
CODE = "Mend the code there, or take back what was deployed last (a plugin, a release)."
NEVER = "A restart of PHP-FPM or nginx changes nothing."


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """Once a place, with the newest line, where neither the database, nor a disk, nor what PHP lacks is the reason."""
    newest = {found.subject: found for record in complaints.fresh(snapshot, of_apps=True) if (found := _in(record))}
    if newest and not any(_explains(snapshot)):
        yield from newest.values()


def _explains(snapshot: Snapshot) -> Iterator[bool]:
    for family in (database.find, disks.find, configuration.find):
        yield from (not one.aside for one in family(snapshot))


def _in(record: Record) -> Finding | None:
    match = _FATAL.match(record.message)
    if match is None or database.speaks_of_one(record.message):
        return None
    what, place = match["what"].strip(), f"{match['file']}:{match['line']}" if match["file"] else "PHP"
    advice = next((text for words, text in _NEEDS if words in what), CODE)
    shown = Evidence(record.source, record.text.partition("\n")[0])
    return Finding(
        "php-fatal", place, "likely", f"PHP ends the request with a fatal error at {place}: {what}", (shown,), None,
        f"{advice} {NEVER}",
    )  # fmt: skip
