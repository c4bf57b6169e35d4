"""What stands beside the scenarios of tests/scenarios: what happens after a cure, and what an operator asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.lab import faults
from tests.lab.host import LabHost
from tests.patience import eventually


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


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


def test_a_disabled_service_that_is_named_is_started_and_stays_disabled(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    web1.sh("systemctl stop php8.2-fpm; systemctl disable php8.2-fpm")
    done = command.remediate("--set", "restart-service.services=php-fpm")
    assert (done.host["status"], [change["action"] for change in done.host["changes"]]) == ("changed", ["start"])
    assert not web1.testinfra.service("php8.2-fpm").is_enabled


def test_the_pool_of_workers_that_have_hardly_run_is_not_raised_by_itself(web1: LabHost, command: CommandLine) -> None:
    command.knows(web1)
    faults.pool_exhausted(web1, seconds=40)
    cold = command.remediate()
    assert cold.host["findings"][0]["cause"] == "pool-exhausted"
    assert (cold.exit_code, cold.host["status"], cold.host["changes"]) == (3, "failed", [])
