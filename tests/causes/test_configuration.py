"""What PHP-FPM's own test refuses, and what it only prints: a lost extension, a php.ini that does not parse."""

from __future__ import annotations

import dataclasses

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.validation import Verdict
from remediations.findings import Finding
from remediations.library.restart_service import RestartService
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, found
from tests.causes.recorded import snapshot
from tests.causes.test_php_fatal import FATAL, saying

MAIN, WWW = "/etc/php/8.2/fpm/php-fpm.conf", "/etc/php/8.2/fpm/pool.d/www.conf"
PASSED = f"[28-Nov-2026 01:53:42] NOTICE: configuration file {MAIN} test is successful"
LIBRARY = (
    "[28-Nov-2026 01:53:42] NOTICE: PHP message: PHP Warning:  PHP Startup: Unable to load dynamic library 'imagick' "
    "(tried: /usr/lib/php/20220829/imagick (/usr/lib/php/20220829/imagick: cannot open shared object file: No such "
    "file or directory)) in Unknown on line 0"
)
INI = "PHP:  syntax error, unexpected END_OF_LINE in /etc/php/8.2/fpm/php.ini on line 1976"


def judged(host: Snapshot, *lines: str, fatal: bool) -> Snapshot:
    """The same host, whose `php-fpm -t` says this."""
    assert not isinstance(host.verdicts, Unknown)
    others = (one for one in host.verdicts if one.subject != MAIN)
    said = Verdict("php-fpm8.2 -t", MAIN, ok=False, output="\n".join(lines), fatal=fatal)
    return dataclasses.replace(host, verdicts=(*others, said))


def invalid(host: Snapshot) -> Finding:
    return next(one for one in diagnosis.diagnose(host) if one.cause == "config-invalid")


def test_a_pool_that_is_refused_is_named_by_its_file() -> None:
    lines = ("ERROR: [pool www] cannot get uid for user 'shopuser'", "ERROR: FPM initialization failed")
    finding = invalid(judged(snapshot("service-crashed"), *lines, fatal=True))
    assert finding.evidence[0].source == f"file:{WWW}"
    assert f"Mend {WWW}" in str(finding.advice)


def test_an_extension_that_is_gone_is_named_and_no_restart_is_called_an_outage() -> None:
    finding = invalid(judged(snapshot("healthy"), LIBRARY, PASSED, fatal=False))
    assert finding.summary == "PHP starts without the extension imagick"
    assert "grep -rn imagick /etc/php/8.2" in str(finding.advice)
    assert "outage" not in str(finding.advice)
    assert [one.text for one in finding.evidence] == [LIBRARY]


def test_a_php_ini_that_does_not_parse_is_told_by_its_line() -> None:
    finding = invalid(judged(snapshot("healthy"), INI, PASSED, fatal=False))
    assert "/etc/php/8.2/fpm/php.ini:1976" in finding.summary


def test_what_php_fpm_only_prints_explains_no_service_that_is_down() -> None:
    host = judged(snapshot("service-crashed"), LIBRARY, PASSED, fatal=False)
    findings = diagnosis.diagnose(host)
    assert found(host) == [("service-crashed", FPM), ("config-invalid", FPM)]
    assert [one.action for one in RestartService().plan(host, findings).actions] == ["start"]


def test_a_page_that_wants_the_extension_is_explained_by_it() -> None:
    host = saying(
        FATAL.replace("Allowed memory size of 8388608 bytes exhausted", 'Uncaught Error: Class "Imagick" not found')
    )
    assert [cause for cause, _ in found(judged(host, LIBRARY, PASSED, fatal=False))] == ["config-invalid"]
    other = judged(saying(FATAL), LIBRARY, PASSED, fatal=False)
    assert [cause for cause, _ in found(other)] == ["php-fatal", "config-invalid"]
