"""Faults break a host in the way they promise; what each does to the sites is told by its scenario."""

import pytest

from tests.conftest import LabHostFactory
from tests.lab import faults, resource_faults
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.patience import eventually


def test_a_crashed_service_is_failed_and_its_socket_file_is_stale(web1: LabHost) -> None:
    faults.service_crashed(web1)
    assert unit(web1, faults.UNIT) == {"ActiveState": "failed", "Result": "signal"}
    assert web1.sh(f"[ -S {faults.SOCKET} ] && echo stale") == b"stale\n"


@pytest.mark.parametrize(("name", "result"), [("start-limit-hit", "start-limit-hit"), ("crash-loop", "signal")])
def test_the_start_limit_is_really_reached(web1: LabHost, name: str, result: str) -> None:
    faults.find(name)(web1)
    assert unit(web1, faults.UNIT) == {"ActiveState": "failed", "Result": result}
    assert b"Start request repeated too quickly." in web1.sh(f"journalctl -u {faults.UNIT} -n 20")
    assert b"refused" in web1.sh(f"systemctl start {faults.UNIT} 2>/dev/null || echo refused")


def test_a_deleted_socket_leaves_the_unit_running(web1: LabHost) -> None:
    faults.socket_deleted(web1)
    assert unit(web1, faults.UNIT)["ActiveState"] == "active"


def test_an_invalid_configuration_fails_nginx_own_test(web1: LabHost) -> None:
    faults.config_invalid(web1)
    assert b'unknown directive "sevrer_name"' in web1.sh("nginx -t 2>&1 || true")
    assert unit(web1, "nginx.service")["ActiveState"] == "active"


def test_an_exhausted_pool_says_so_in_its_log_and_recovers_by_itself(web1: LabHost) -> None:
    faults.pool_exhausted(web1, seconds=8)
    assert b"server reached pm.max_children setting (2)" in web1.read(faults.FPM_LOG)
    assert b"(11: Resource temporarily unavailable)" in web1.read("/var/log/nginx/error.log")
    eventually(lambda: web1.get("shop.example").status == 200)


def test_one_stopped_app_server_is_really_stopped(web1: LabHost) -> None:
    faults.find("app-8001-stopped")(web1)
    assert {unit(web1, f"app@{port}.service")["ActiveState"] for port in (8001, 8002)} == {"inactive", "active"}
    assert {b'"port":8002' in web1.get("api.example").body for _ in range(3)} == {True}


@pytest.mark.parametrize("folder", ["/var/log", "/etc/nginx"])
def test_on_a_full_disk_nothing_can_be_written_but_all_can_be_read(web1: LabHost, folder: str) -> None:
    before = web1.sh(f"cd {folder} && find . -type f -name '*.conf' | sort")
    resource_faults.disk_full(web1, folder)
    with pytest.raises(LabError, match="No space left on device"):
        web1.write(f"{folder}/more", b"x" * 5000)
    assert web1.sh(f"cd {folder} && find . -type f -name '*.conf' | sort") == before


def test_an_unknown_fault_names_the_known_ones() -> None:
    with pytest.raises(LabError, match="no such fault: gremlins; there are: service-stopped, "):
        faults.find("gremlins")


def test_faults_need_no_host_of_root_logins(lab_host: LabHostFactory) -> None:
    host = lab_host(variant="no-sudo")
    faults.service_stopped(host)
    assert host.get("shop.example").status == 502


def unit(host: LabHost, name: str) -> dict[str, str]:
    shown = host.sh(f"systemctl show -p ActiveState -p Result {name}").decode().split()
    states = dict(line.split("=") for line in shown)
    return {key: states[key] for key in ("ActiveState", "Result")}
