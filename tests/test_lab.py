"""The lab itself: its hosts are real, differ as they say, break as they say, and leave nothing behind."""

import json

from tests.conftest import LabHostFactory
from tests.lab.host import LabHost


def test_a_host_boots_and_both_its_sites_answer(web1: LabHost) -> None:
    assert web1.sh("systemctl is-system-running") == b"running\n"
    assert status(web1, "shop.example") == 200
    assert "ok from php" in body(web1, "shop.example")
    assert {json.loads(body(web1, "api.example"))["port"] for _ in range(4)} == {8001, 8002}


def test_two_hosts_at_once_are_two_machines(lab_host: LabHostFactory) -> None:
    one, two = lab_host("web1"), lab_host("web2")
    assert [host.ssh("hostname").stdout for host in (one, two)] == [b"web1\n", b"web2\n"]
    one.sh("systemctl stop nginx.service")
    assert status(two, "shop.example") == 200


def test_a_plain_host_has_no_python(web1: LabHost) -> None:
    assert web1.sh("find / -xdev -name 'python*' -perm /111 -type f; dpkg --get-selections 'python*'") == b""


def status(host: LabHost, site: str, path: str = "/") -> int:
    return int(host.sh(f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Host: {site}' 'http://127.0.0.1{path}'"))


def body(host: LabHost, site: str, path: str = "/") -> str:
    return host.sh(f"curl -s -H 'Host: {site}' 'http://127.0.0.1{path}'").decode()
