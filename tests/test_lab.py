"""The lab itself: its hosts are real, keep apart, and leave nothing behind however their run ends."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import LabHostFactory
from tests.lab import base, cgroup, container, inventory
from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.paths import RUNTIME
from tests.lab.record import Record, records
from tests.lab.teardown import reap

CHECKOUT = Path(__file__).parents[1]
SITES = ("shop.example", "api.example")


def test_a_host_boots_and_both_its_sites_answer(web1: LabHost) -> None:
    assert web1.sh("systemctl is-system-running") == b"running\n"
    assert b"ok from php" in web1.get("shop.example").body
    assert {json.loads(web1.get("api.example").body)["port"] for _ in range(4)} == {8001, 8002}


def test_a_host_is_a_thin_layer_over_a_tree_that_is_not_built_again(
    lab_host: LabHostFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is why it is up in half a second."""
    lab_host("warm-up")
    built: list[str] = []
    monkeypatch.setattr(base, "_build", lambda kind, _: built.append(kind))
    host = lab_host("web1")
    assert built == []
    layer = int(run("du", "-s", "--block-size=1", host.directory / "layer" / "upper").split()[0])
    assert layer < 32 << 20 < int(run("du", "-s", "--block-size=1", base.ensure_base()).split()[0])


def test_a_host_starts_with_no_errors_in_its_logs(web1: LabHost) -> None:
    assert web1.read("/var/log/nginx/error.log") == b""
    assert web1.sh("systemctl --failed --no-legend") == b""


def test_two_hosts_at_once_are_two_machines(lab_host: LabHostFactory) -> None:
    one, two = lab_host("web1"), lab_host("web2")
    assert [host.ssh("hostname").stdout for host in (one, two)] == [b"web1\n", b"web2\n"]
    one.sh("systemctl stop nginx.service")
    assert two.get("shop.example").status == 200


def test_a_plain_host_has_no_python(web1: LabHost) -> None:
    assert web1.sh("find / -xdev -name 'python*' -perm /111 -type f; dpkg --get-selections 'python*'") == b""


def test_the_host_key_is_known_and_a_changed_one_is_refused(lab_host: LabHostFactory) -> None:
    one, two = lab_host("web1"), lab_host("web2")
    keys = dict(line.split(" ", 1) for line in one.known_hosts.read_text().splitlines())
    assert len({keys[host.address] for host in (one, two)}) == 2
    one.known_hosts.write_text(f"{one.address} {keys[two.address]}\n")
    assert b"Host key verification failed" in one.ssh("true", check=False).stderr


def test_files_are_written_and_read_as_bytes_with_mode_and_owner(web1: LabHost) -> None:
    content = b"caf\xe9 \0 'quoted' $dollar\r\nno newline at the end"
    web1.write("/srv/it's here", content, 0o640, "www-data:adm")
    assert web1.read("/srv/it's here") == content
    assert web1.sh("stat -c '%a %U:%G' /srv/it*") == b"640 www-data:adm\n"


def test_a_crash_with_reboot_keeps_the_disk_and_loses_the_rest(web1: LabHost) -> None:
    boot = web1.sh("touch /run/volatile; cat /proc/sys/kernel/random/boot_id /etc/machine-id; echo kept >/etc/kept")
    web1.crash_and_reboot()
    assert web1.ssh("cat /etc/kept; ls /run/volatile 2>/dev/null; true").stdout == b"kept\n"
    assert boot.splitlines()[1] == web1.read("/etc/machine-id").strip()
    assert [web1.get(site).status for site in SITES] == [200, 200]


def test_a_command_that_fails_says_where_and_why(web1: LabHost) -> None:
    with pytest.raises(LabError, match="web1: exit code 3: echo no >&2; exit 3: no"):
        web1.ssh("echo no >&2; exit 3")
    with pytest.raises(LabError, match="exit code 4"):
        web1.sh("exit 4")


def test_testinfra_looks_at_the_host(lab_host: LabHostFactory) -> None:
    for host in (lab_host("web1"), lab_host("web2", variant="sudo-user")):
        assert host.testinfra.service("nginx.service").is_running
        assert host.testinfra.file("/etc/shadow").contains("root")


def test_a_host_behind_another_is_reached_only_through_it(lab_host: LabHostFactory) -> None:
    bastion = lab_host("bastion", variant="sudo-user")
    inner = lab_host("inner", via=bastion)
    assert inner.ssh("hostname").stdout == b"inner\n"
    assert f"ProxyJump=deploy@{bastion.address}" in inventory.variables(inner)["ansible_ssh_common_args"]
    with pytest.raises(LabError, match=r"Network is unreachable|No route to host"):
        run("ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", f"root@{inner.address}", "true")
    inner.stop()
    assert traces(inner) == []


def test_a_host_reaches_no_other_host_and_nothing_beyond(lab_host: LabHostFactory) -> None:
    one, two = lab_host("web1"), lab_host("web2")
    for address in (two.address, "192.0.2.1"):
        with pytest.raises(LabError):
            one.sh(f"curl -s -m 2 http://{address}/")


def test_tear_down_leaves_no_trace(lab_host: LabHostFactory) -> None:
    host = lab_host("web1")
    pids = cgroup_pids(host)
    assert len(pids) > 5
    assert {"network namespace", "cable", "known host", "route", str(host.directory)} <= set(traces(host))
    host.stop()
    assert traces(host) == []
    assert [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()] == []
    host.stop()


def test_a_host_that_cannot_start_says_why_and_leaves_no_trace(
    lab_host: LabHostFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.lab.container.PORTS", frozenset({22, 4711}))
    monkeypatch.setattr("tests.lab.container.start.__defaults__", (2,))
    with pytest.raises(LabError, match="web9: did not start: nothing listens on port 4711"):
        lab_host("web9")
    assert [record for record in records() if record.name == "web9"] == []


def test_hosts_of_a_run_that_was_killed_are_reaped(lab_run: Path) -> None:
    code = f"""if True:
        import os, signal; from pathlib import Path; from tests.lab.lab import boot
        print(boot("orphan", Path({str(lab_run)!r})).id, flush=True); os.kill(os.getpid(), signal.SIGKILL)"""
    died = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)
    assert died.returncode == -signal.SIGKILL
    orphan = next(record for record in records() if record.id == died.stdout.strip())
    assert traces(orphan)
    reap()
    assert traces(orphan) == []


def test_only_hosts_of_dead_runs_and_earlier_boots_are_dead(web1: LabHost) -> None:
    assert web1.alive()
    assert replace(web1, owner=None).alive()
    assert not replace(web1, owner="1@0").alive()
    assert not replace(web1, owner=f"{2**22 + 1}@1").alive()
    assert not replace(web1, owner=None, boot_id="another").alive()


def test_reaping_spares_the_hosts_of_living_runs(web1: LabHost) -> None:
    assert web1.id not in {record.id for record in reap()}
    assert web1.get("shop.example").status == 200


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_test_run_takes_its_hosts_away(
    lab_run: Path, tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    names = [f"asleep{n}{workers}{number.value}" for n in range(max(1, workers))]
    test = tmp_path / "test_sleeps.py"
    sleep = "def test_sleeps(lab_host, name):\n    lab_host(name)\n    time.sleep(60)\n"
    test.write_text(f"import pytest, time\n@pytest.mark.parametrize('name', {names})\n{sleep}")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *options, "-n", str(workers), str(test)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pytest_run:
        hosts = running_hosts(names, timeout=60)
        pytest_run.send_signal(number)
        assert pytest_run.wait(timeout=60) == 2
    assert [traces(host) for host in hosts] == [[] for _ in names]


def running_hosts(names: list[str], timeout: float) -> list[Record]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = [record for record in records() if record.name in names and container.running(record)]
        if len(found) == len(names):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{names} did not all come up within {timeout} s")


def cgroup_pids(host: Record) -> list[int]:
    files = cgroup.folders(host.id)[0].rglob("cgroup.procs")
    return [int(pid) for file in files for pid in file.read_text().split()]


def traces(host: Record) -> list[str]:
    """Whatever still speaks of the host on this machine."""
    nspawn = [path for path in Path("/run/systemd/nspawn").rglob("*") if host.id in path.name]
    paths = [*cgroup.folders(host.id), host.directory, RUNTIME / "hosts" / f"{host.id}.json", *nspawn]
    cables = run("ip", "-oneline", "link", "show", "type", "veth").decode()
    known = host.known_hosts.read_text() if host.known_hosts.exists() else ""
    return [
        *(str(path) for path in paths if path.exists()),
        *(line for line in Path("/proc/mounts").read_text().splitlines() if f"/{host.id}/" in line),
        *(["network namespace"] if host.netns in os.listdir("/run/netns") else []),
        *(["cable"] if f" {host.veth}@" in cables else []),
        *(["route"] if run("ip", "route", "show", host.subnet) else []),
        *(["known host"] if f"{host.address} " in known else []),
    ]
