"""Faults made for real on real hosts: named, shown, cured over SSH; the second run finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine
from tests.conftest import LabHostFactory
from tests.lab import faults
from tests.lab.host import LabHost
from tests.lab.upstream_faults import UPSTREAM_FAULTS
from tests.patience import eventually


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def both_sites(host: LabHost) -> tuple[int, int]:
    return host.get("shop.example", "/").status, host.get("api.example", "/").status


def acts(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change["action"], change["target"]) for change in answer["changes"]]


CURED: dict[str, tuple[tuple[str, str], list[tuple[str, str]]]] = {
    "service-stopped": (("service-stopped", "php8.2-fpm.service"), [("start", "php8.2-fpm.service")]),
    "service-crashed": (("service-crashed", "php8.2-fpm.service"), [("start", "php8.2-fpm.service")]),
    "start-limit-hit": (("start-limit-hit", "php8.2-fpm.service"), [("start", "php8.2-fpm.service")]),
    "crash-loop": (("start-limit-hit", "php8.2-fpm.service"), [("start", "php8.2-fpm.service")]),
    "socket-deleted": (("socket-deleted", "php8.2-fpm.service"), [("restart", "php8.2-fpm.service")]),
    "socket-path-mismatch": (
        ("socket-path-mismatch", "unix:/run/php/php8.1-fpm.sock"),
        [("edit", "/etc/nginx/sites-available/shop"), ("reload", "nginx.service")],
    ),
    "socket-permission": (
        ("socket-permission", "unix:/run/php/php8.2-fpm.sock"),
        [("edit", "/etc/php/8.2/fpm/pool.d/www.conf"), ("restart", "php8.2-fpm.service")],
    ),
    "header-too-big": (
        ("header-too-big", "unix:/run/php/php8.2-fpm.sock"),
        [("edit", "/etc/nginx/sites-available/shop"), ("reload", "nginx.service")],
    ),
    "no-live-upstreams": (("no-live-upstreams", "app"), [("reload", "nginx.service")]),
    "apps-stopped": (
        ("service-stopped", "app@8001.service"),
        [("start", "app@8001.service"), ("start", "app@8002.service"), ("reload", "nginx.service")],
    ),
}


@pytest.mark.parametrize("fault", CURED)
def test_a_fault_is_named_with_evidence_and_cured_and_then_gone(
    fault: str, web1: LabHost, command: CommandLine
) -> None:
    (cause, subject), wanted = CURED[fault]
    command.knows(web1)
    faults.FAULTS[fault](web1)
    assert 502 in both_sites(web1)

    dry = command.dry_run()
    assert (dry.exit_code, dry.host["status"]) == (0, "planned")
    assert (dry.host["findings"][0]["cause"], dry.host["findings"][0]["subject"]) == (cause, subject)
    assert dry.host["findings"][0]["evidence"]
    assert acts(dry.host) == wanted
    assert 502 in both_sites(web1)

    done = command.remediate()
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert acts(done.host) == wanted
    assert done.host["health"]["before"]["ok"] is False
    assert done.host["health"]["after"]["ok"] is True
    assert both_sites(web1) == (200, 200)

    again = command.remediate()
    assert (again.exit_code, again.host["status"], again.host["changes"]) == (0, "ok", [])


NAMED = {
    fault: "selinux-denied" if fault == "connect-forbidden" else fault
    for fault in UPSTREAM_FAULTS
    if fault not in CURED
}
"""The first finding of each fault between nginx and those behind it; they need a person."""


@pytest.mark.parametrize("fault", NAMED)
def test_a_fault_that_a_person_must_mend_is_named_from_what_the_daemons_say(
    fault: str, web1: LabHost, command: CommandLine
) -> None:
    """Nobody but the toolkit itself has asked the site."""
    command.knows(web1)
    faults.FAULTS[fault](web1)
    said = command.json("diagnose", "--host", "web1")
    assert (said.exit_code, said.host["status"]) == (0, "diagnosed"), said
    first = said.host["findings"][0]
    assert (first["cause"], first["confidence"] in ("certain", "likely")) == (NAMED[fault], True)
    assert first["evidence"]
    assert first["advice"]

    done = command.remediate()
    assert (done.exit_code, done.host["status"], done.host["changes"]) == (3, "failed", []), done
    assert done.host["findings"][0]["cause"] == NAMED[fault]


@pytest.mark.parametrize("name", ["header-too-big", "worker-segfault"])
def test_once_it_is_mended_its_lines_are_history(name: str, web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    good = web1.sh("cat /var/www/shop/index.php")
    faults.FAULTS[name](web1)
    assert command.json("diagnose", "--host", "web1").host["findings"][0]["cause"] == name
    web1.write("/var/www/shop/index.php", good)
    eventually(lambda: web1.get("shop.example").status == 200)  # OPcache looks at a changed file after 2 s
    healthy = command.json("diagnose", "--host", "web1")
    assert (healthy.host["status"], healthy.host["findings"]) == ("ok", []), healthy


@pytest.mark.parametrize("path", ["/run/php/php-fpm.sock", "/run//php/php8.2-fpm.sock", "/var/run/php/php8.2-fpm.sock"])
def test_a_socket_by_another_name_is_the_same_socket(path: str, web1: LabHost, command: CommandLine) -> None:
    """Debian has the first one for whatever version is the default."""
    command.knows(web1)
    web1.sh("ln -sfn php8.2-fpm.sock /run/php/php-fpm.sock; rm -rf /var/run; ln -sfn /run /var/run")
    web1.sh(f"sed -i 's,unix:/run/php/php8.2-fpm.sock,unix:{path},' /etc/nginx/sites-available/shop")
    web1.sh("nginx -t -q && systemctl restart nginx")
    healthy = command.json("diagnose", "--host", "web1")
    assert (healthy.host["status"], healthy.host["findings"]) == ("ok", []), healthy
    web1.sh("systemctl stop php8.2-fpm")
    first = command.json("diagnose", "--host", "web1").host["findings"][0]
    assert (first["cause"], first["subject"]) == ("service-stopped", "php8.2-fpm.service")


def test_a_dead_pool_and_apps_on_another_address_are_both_found(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    faults.FAULTS["address-mismatch"](web1)
    faults.FAULTS["service-crashed"](web1)
    found = [finding["cause"] for finding in command.json("diagnose", "--host", "web1").host["findings"]]
    assert found == ["service-crashed", "address-mismatch", "address-mismatch"]


def test_two_faults_at_once_are_both_found_and_cured(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    faults.FAULTS["apps-stopped"](web1)
    faults.FAULTS["service-crashed"](web1)
    done = command.remediate()
    assert [finding["cause"] for finding in done.host["findings"]] == [
        "service-crashed", "service-stopped", "service-stopped",
    ]  # fmt: skip
    assert done.host["status"] == "changed"
    assert both_sites(web1) == (200, 200)


def test_one_dead_server_of_two_is_started_though_the_site_answers(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    faults.FAULTS["app-8001-stopped"](web1)
    done = command.remediate()
    assert acts(done.host) == [("start", "app@8001.service")]
    assert done.host["status"] == "changed"


def mask(host: LabHost) -> None:
    host.sh("systemctl stop php8.2-fpm; systemctl mask php8.2-fpm")


def disable(host: LabHost) -> None:
    host.sh("systemctl stop php8.2-fpm; systemctl disable php8.2-fpm")


@pytest.mark.parametrize(
    ("breaks", "cause", "words"),
    [
        (mask, "service-stopped", "systemctl unmask php8.2-fpm.service"),
        (disable, "service-stopped", "is disabled"),
        (faults.FAULTS["config-invalid-stopped"], "config-invalid", "/etc/nginx/sites-enabled/"),
    ],
    ids=["masked", "disabled", "config-invalid-stopped"],
)
def test_what_a_person_must_decide_is_refused_with_advice(
    breaks: Callable[[LabHost], None], cause: str, words: str, web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    breaks(web1)
    before = both_sites(web1)
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"], answer.host["changes"]) == (3, "failed", [])
    assert answer.host["findings"][0]["cause"] == cause
    assert words in answer.stdout
    assert both_sites(web1) == before


def test_a_disabled_service_that_is_named_is_started_and_stays_disabled(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    disable(web1)
    done = command.remediate("--set", "restart-service.services=php-fpm")
    assert (done.host["status"], acts(done.host)) == ("changed", [("start", "php8.2-fpm.service")])
    assert not web1.testinfra.service("php8.2-fpm").is_enabled


def test_a_site_that_answers_with_a_configuration_that_would_not_start_says_so(
    web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    faults.FAULTS["config-invalid"](web1)
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"], answer.host["changes"]) == (0, "ok", [])
    assert answer.host["findings"][0]["cause"] == "config-invalid"
    assert answer.host["findings"][0]["remediation"] is None
    assert answer.host["findings"][0]["advice"]


def test_an_exhausted_pool_is_raised_where_the_operator_gives_the_size_of_a_worker(
    web1: LabHost, command: CommandLine
) -> None:
    command.knows(web1)
    faults.pool_exhausted(web1, seconds=40)
    diagnosed = command.json("diagnose", "--host", "web1")
    assert diagnosed.host["findings"][0]["cause"] == "pool-exhausted"
    cold = command.remediate()
    assert (cold.exit_code, cold.host["status"], cold.host["changes"]) == (3, "failed", [])
    given = ("--set", "tune-max-children.process_mb=50", "--set", "tune-max-children.available_mb=2000")
    done = command.remediate(*given)
    assert [change["kind"] for change in done.host["changes"]] == ["file", "unit"], done
    assert "pm.max_children = 40" in web1.read("/etc/php/8.2/fpm/pool.d/www.conf").decode()
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done


@pytest.mark.parametrize("variant", ["", "python", "sudo-user", "no-unshare", "two-php", "fish", "noisy"])
def test_a_healthy_host_of_any_kind_is_left_alone(variant: str, lab_host: LabHostFactory, command: CommandLine) -> None:
    command.knows(lab_host("web1", variant=variant))
    answer = command.remediate()
    assert (answer.exit_code, answer.host["status"]) == (0, "ok"), answer
    assert (answer.host["findings"], answer.host["changes"]) == ([], [])


@pytest.mark.parametrize("variant", ["python", "sudo-user", "no-unshare", "two-php", "fish,noisy"])
def test_hosts_of_other_kinds_are_cured_too(variant: str, lab_host: LabHostFactory, command: CommandLine) -> None:
    host = lab_host("web1", variant=variant)
    command.knows(host)
    faults.FAULTS["service-crashed"](host)
    done = command.remediate()
    assert (done.exit_code, done.host["status"]) == (0, "changed"), done
    assert both_sites(host) == (200, 200)
