"""Each of the five remediations on a real host: the dry run is the plan of the apply, and a failure leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.lab import faults
from tests.lab.host import LabHost

FPM = "php8.2-fpm.service"


@dataclass(frozen=True)
class Case:
    """How the remediation is called, what it changes, and what an independent eye sees on the host afterwards."""

    words: tuple[str, ...]
    targets: frozenset[str]
    seen: Callable[[LabHost], bool]
    prepare: Callable[[LabHost], None] | None = None


def effective(host: LabHost, unit: str, name: str) -> str:
    return str(host.testinfra.check_output("systemctl show -p %s --value %s", name, unit))


def drop_in(unit: str) -> str:
    return f"/etc/systemd/system/{unit}.d/50-remediate-restart.conf"


CASES = {
    "restart-service": Case(
        words=("--set", "restart-service.services=php-fpm"),
        targets=frozenset({FPM}),
        seen=lambda host: host.testinfra.service("php8.2-fpm").is_running,
        prepare=faults.service_stopped,
    ),
    "tune-max-children": Case(
        words=("--set", "tune-max-children.process_mb=50", "--set", "tune-max-children.available_mb=2000"),
        targets=frozenset({"/etc/php/8.2/fpm/pool.d/www.conf", FPM}),
        seen=lambda host: host.testinfra.file("/etc/php/8.2/fpm/pool.d/www.conf").contains("^pm.max_children = 40$"),
    ),
    "restart-always": Case(
        words=("--set", "restart-always.units=php-fpm"),
        targets=frozenset({drop_in(FPM), "systemd"}),
        seen=lambda host: (effective(host, FPM, "Restart"), effective(host, FPM, "RestartUSec")) == ("always", "5s"),
    ),
    "upstream-max-fails": Case(
        words=(),
        targets=frozenset({"/etc/nginx/sites-available/api", "nginx.service"}),
        seen=lambda host: host.testinfra.file("/etc/nginx/sites-available/api").contains(
            "server 127.0.0.1:8001 max_fails=3 fail_timeout=30s;"
        ),
    ),
    "limit-req": Case(
        words=("--set", "limit-req.behind_proxy=no"),
        targets=frozenset(
            {
                "/etc/nginx/conf.d/remediate-limit-req.conf",
                "/etc/nginx/sites-available/api",
                "/etc/nginx/sites-available/shop",
                "nginx.service",
            }
        ),
        seen=lambda host: host.testinfra.run("nginx -T 2>/dev/null | grep -c 'limit_req zone='").stdout.strip() == "2",
    ),
}
FILES = [name for name in CASES if name != "restart-service"]


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def state_of(host: LabHost) -> list[str]:
    """Every byte, mode and owner of the files, and the units with their pids (systemd lists a glob's in any order)."""
    return (
        host.sh(
            "cd /etc && find nginx php systemd -type f -exec sha256sum {} + | sort;"
            "find nginx php systemd -printf '%p %y %m %U:%G %l\\n' | sort;"
            "systemctl show -p Id,ActiveState,SubState,MainPID,NRestarts,Restart nginx php8.2-fpm app@8001 app@8002"
        )
        .decode()
        .splitlines()
    )


@pytest.mark.parametrize("name", CASES)
def test_the_dry_run_is_the_plan_of_the_apply_and_a_second_apply_changes_nothing(
    name: str, web1: LabHost, command: CommandLine
) -> None:
    case = CASES[name]
    command.knows(web1)
    if case.prepare:
        case.prepare(web1)
    before = state_of(web1)
    dry = command.dry_run("--only", name, *case.words)
    assert (dry.exit_code, dry.host["status"]) == (0, "planned"), dry
    assert {change["target"] for change in dry.host["changes"]} == case.targets
    assert state_of(web1) == before
    assert not case.seen(web1)

    done = command.remediate("--only", name, *case.words, "--plan", dry.host["plan"])
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert done.host["changes"] == dry.host["changes"]
    assert case.seen(web1)

    after = state_of(web1)
    again = command.remediate("--only", name, *case.words)
    assert (again.exit_code, again.host["status"], again.host["changes"]) == (0, "ok", []), again
    assert state_of(web1) == after


@pytest.mark.parametrize("name", FILES)
def test_a_health_check_that_fails_restores_every_byte_owner_mode_and_unit(
    name: str, web1: LabHost, command: CommandLine
) -> None:
    case = CASES[name]
    command.knows(web1, health={"url": "http://localhost/", "host": "shop.example", "contains": "never there"})
    before = state_of(web1)
    answer = command.impatient.remediate("--only", name, *case.words)
    assert (answer.exit_code, answer.host["status"], answer.host["changes"]) == (3, "rolled_back", []), answer
    assert {change["target"] for change in answer.host["undone"]} == case.targets
    assert state_of(web1) == before
    assert not case.seen(web1)


REFUSING = {
    "tune-max-children": ("/usr/sbin/php-fpm8.2", "grep -q 'max_children = 40' /etc/php/8.2/fpm/pool.d/www.conf"),
    "restart-always": ("/usr/bin/systemd-analyze", f"[ -e {drop_in(FPM)} ] && echo '{drop_in(FPM)}:1: Unknown key'"),
    "upstream-max-fails": ("/usr/sbin/nginx", "grep -q max_fails /etc/nginx/sites-available/api"),
    "limit-req": ("/usr/sbin/nginx", "grep -q limit_req /etc/nginx/sites-available/api"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_validator_that_refuses_the_change_leaves_every_byte_owner_mode_and_unit(
    name: str, web1: LabHost, command: CommandLine
) -> None:
    """The validator is the host's own, behind a script that refuses what this remediation writes.

    A daemon that runs is asked by its own, moved executable, so that for nginx and PHP-FPM the proof passes and the
    reload on the live host is what fails: then it is undone. PHP-FPM dies of such a reload and is started again.
    """
    binary, refuses = REFUSING[name]
    case = CASES[name]
    command.knows(web1)
    web1.sh(f"mv {binary} {binary}.real")
    script = f'#!/bin/sh\n{refuses} && {{ echo "[emerg] refused in {FPM}:1"; exit 1; }}\nexec {binary}.real "$@"\n'
    web1.write(binary, script.encode(), 0o755)
    before = state_of(web1)
    answer = command.remediate("--only", name, *case.words)
    expected = "refused" if name == "restart-always" else "rolled_back"
    assert (answer.exit_code, answer.host["status"]) == (3, expected), answer
    assert answer.host["changes"] == []
    new_pids = "MainPID=" if name == "tune-max-children" else "none"
    after = state_of(web1)
    assert [line for line in after if new_pids not in line] == [line for line in before if new_pids not in line]
    assert web1.get("shop.example").status == 200
