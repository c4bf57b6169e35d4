"""PHP's fatal errors: told by place and words while the page is bad, silent where something else is the reason."""

from __future__ import annotations

import dataclasses

import pytest

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.snapshot import Snapshot
from tests.causes.alter import found
from tests.causes.recorded import snapshot
from tests.causes.test_said import NGINX_LOG, READING, TO_FPM, with_log

FATAL = "PHP Fatal error:  Allowed memory size of 8388608 bytes exhausted in /var/www/shop/index.php on line 3"
PLACE = "/var/www/shop/index.php:3"


def saying(message: str, status: int = 500) -> Snapshot:
    """A sound host whose shop answers so, with these words of PHP in nginx's log."""
    host = snapshot("healthy")
    assert not isinstance(host.answers, Unknown)
    bad = tuple(
        dataclasses.replace(one, status=status) if "shop.example" in one.probe.sites else one for one in host.answers
    )
    text = f'{{now}} [error] 7#7: *1 FastCGI sent in stderr: "PHP message: {message}" {READING}, {TO_FPM}\n'
    return with_log(dataclasses.replace(host, answers=bad), NGINX_LOG, text)


def test_a_fatal_error_is_named_by_its_place_with_its_words() -> None:
    (finding,) = diagnosis.diagnose(saying(FATAL))
    assert (finding.cause, finding.subject, finding.confidence) == ("php-fatal", PLACE, "likely")
    assert "Allowed memory size" in finding.summary
    assert "memory_limit" in str(finding.advice)


@pytest.mark.parametrize(
    ("message", "place", "advice"),
    [
        ("PHP Parse error:  syntax error, unexpected token in /srv/a.php on line 7", "/srv/a.php:7", "Mend the code"),
        ("PHP Warning: x in /a.php on line 1; PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Too many "
         "connections in /srv/db.php:2\nStack trace:\n#0 /srv/db.php(2): mysqli->__construct()\n  thrown in /srv/db.php"
         " on line 2", "/srv/db.php:2", "SHOW PROCESSLIST"),
        ('PHP Fatal error:  Uncaught Error: Class "Cart" not found in /srv/a.php:9\nStack trace:\n#0 {{main}}',
         "/srv/a.php:9", "Mend the code"),
        ("PHP Fatal error:  Maximum execution time of 1 second exceeded in /srv/a.php on line 7", "/srv/a.php:7",
         "max_execution_time"),
    ],
)  # fmt: skip
def test_what_it_says_decides_the_advice(message: str, place: str, advice: str) -> None:
    (finding,) = diagnosis.diagnose(saying(message))
    assert (finding.subject, advice in str(finding.advice)) == (place, True)
    assert "\n" not in finding.evidence[0].text


@pytest.mark.parametrize(
    "message", ["PHP Warning:  x in /a.php on line 1", "PHP Notice:  PHP Fatal", "said by a plugin"]
)
def test_less_than_a_fatal_error_is_none(message: str) -> None:
    assert [cause for cause, _ in found(saying(message))] == ["unknown"]


def test_a_page_that_answers_well_has_none() -> None:
    assert found(saying(FATAL, status=200)) == []


@pytest.mark.parametrize("fault", ["database-down", "sessions-disk-full", "inodes-full"])
def test_what_stands_behind_it_is_told_in_its_place(fault: str) -> None:
    assert "php-fatal" not in dict(found(snapshot(fault)))
