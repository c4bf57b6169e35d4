"""Each fault breaks a host in the way it promises, and in no other."""

import pytest

from tests.conftest import LabHostFactory
from tests.lab import faults, resource_faults
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.patience import eventually

EXPECTED = {
    "service-stopped": (502, 200),
    "service-crashed": (502, 200),
    "start-limit-hit": (502, 200),
    "crash-loop": (502, 200),
    "socket-deleted": (502, 200),
    "config-invalid": (200, 200),
    "config-invalid-stopped": (0, 0),
    "pool-exhausted": (502, 200),
    "pool-blocked": (502, 200),
    "truncated-body": (200, 200),
    "stale-keepalive": (200, 200),
    "app-8001-stopped": (200, 200),
    "app-8002-stopped": (200, 200),
    "apps-stopped": (200, 502),
    "disk-full": (200, 200),
    "sessions-disk-full": (500, 200),
    "inodes-full": (500, 200),
    "database-down": (500, 200),
    "database-disk-full": (500, 200),
    "worker-oom": (502, 200),
    "socket-path-mismatch": (502, 200),
    "socket-permission": (502, 200),
    "address-mismatch": (200, 502),
    "header-too-big": (502, 200),
    "upstream-closed": (200, 502),
    "protocol-mismatch": (502, 200),
    "slow-upstream": (504, 200),
    "worker-segfault": (502, 200),
    "worker-killed": (502, 200),
    "request-terminated": (502, 200),
    "tls-mismatch": (200, 502),
    "dns-failure": (200, 502),
    "firewall-reject": (200, 502),
    "firewall-drop": (200, 504),
    "connect-forbidden": (200, 502),
    "nginx-file-limit": (500, 500),
    "no-live-upstreams": (200, 502),
    "worker-connections": (500, 500),
    "unit-broken": (200, 502),
    "unit-broken-user": (200, 502),
    "unit-broken-folder": (200, 502),
    "unit-broken-resources": (200, 502),
    "unit-masked": (502, 200),
    "unit-not-found": (502, 200),
    "port-conflict": (404, 404),
    "port-conflict-fpm": (200, 200),
    "port-orphan": (200, 502),
    "config-invalid-at-start": (502, 200),
    "config-invalid-reload": (502, 200),
    "reload-not-applied": (200, 200),
    "reload-zone-changed": (200, 200),
}
"""The answers of shop.example and api.example."""


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_broken_host_answers_as_the_fault_says(lab_host: LabHostFactory, name: str) -> None:
    host = lab_host(variant=",".join(faults.needs(name)))
    faults.find(name)(host)
    assert tuple(host.get(site).status for site in ("shop.example", "api.example")) == EXPECTED[name]


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
