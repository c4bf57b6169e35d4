"""ssh_config is read as OpenSSH reads it, Include and ProxyJump among it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remediations.connections.base import Target
from remediations.connections.ssh.hop import Hop
from remediations.connections.ssh.route import route_to
from remediations.connections.ssh.straight import StraightConnection
from remediations.connections.ssh_config import Jump, parse_jumps, user_and_system_text
from remediations.errors import InventoryError


def route(home: Path, config: str, address: str = "web1", **changes: Any) -> list[Hop]:
    (home / ".ssh" / "config").write_text(config)
    return route_to(Target("web1", address, **changes), print)


def places(hops: list[Hop]) -> list[str]:
    return [f"{hop.user}@{hop.place}" for hop in hops]


def test_a_host_alias_gives_address_port_and_user(home: Path) -> None:
    config = "Host web1\n HostName 10.0.0.5\n Port 2222\n User deploy\n"
    assert places(route(home, config)) == ["deploy@10.0.0.5:2222"]


def test_the_inventory_outweighs_ssh_config(home: Path) -> None:
    config = "Host web1\n HostName 10.0.0.5\n Port 2222\n User deploy\n ConnectTimeout 3\n"
    hops = route(home, config, port=22, user="root", connect_timeout=7.5)
    assert (places(hops), hops[0].timeout) == (["root@10.0.0.5:22"], 7.5)
    assert route(home, config)[0].timeout == 3


def test_ten_seconds_are_the_limit_where_nobody_says(home: Path) -> None:
    assert route(home, "")[0].timeout == 10


def test_included_files_count_and_their_blocks_end_with_them(home: Path) -> None:
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "a").write_text("Host web1\n  HostName 10.0.0.5\n")
    (home / ".ssh" / "conf.d" / "b").write_text("Include c\n")
    (home / ".ssh" / "c").write_text("Host other\n  Port 1\n")
    hops = route(home, "Include conf.d/* ~/.ssh/none\nUser deploy\nHost web1\n  Port 2222\n")
    assert places(hops) == ["deploy@10.0.0.5:2222"]


def test_an_include_within_a_block_belongs_to_it(home: Path) -> None:
    (home / ".ssh" / "extra").write_text("Port 2222\n")
    config = "Host web1\n  Include extra\n  User deploy\n"
    assert places(route(home, config)) == ["deploy@web1:2222"]
    assert [hop.port for hop in route(home, config, "web2")] == [22]


def test_files_that_include_themselves_are_refused(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Include config\n")
    with pytest.raises(InventoryError, match="include each other"):
        user_and_system_text()


@pytest.mark.parametrize("config", ["Host web1\n Port x\n", "nonsense\n", "Host web1\n ConnectTimeout soon\n"])
def test_a_config_that_cannot_be_meant_is_an_error_that_names_the_host(home: Path, config: str) -> None:
    with pytest.raises(InventoryError, match=r"^web1: ssh_config"):
        route(home, config)


def test_proxy_jump_is_walked_from_our_side_to_the_host(home: Path) -> None:
    config = "Host web1\n ProxyJump a,ops@b:2200\nHost a\n HostName 10.0.0.1\n User gate\n"
    user = route(home, "")[0].user
    assert places(route(home, config)) == ["gate@10.0.0.1:22", "ops@b:2200", f"{user}@web1:22"]
    assert places(route(home, config, jump="c", user="x")) == [f"{user}@c:22", "x@web1:22"]


def test_a_jump_host_may_be_behind_a_jump_host(home: Path) -> None:
    config = "User x\nHost web1\n ProxyJump inner\nHost inner\n ProxyJump outer\n"
    assert places(route(home, config)) == ["x@outer:22", "x@inner:22", "x@web1:22"]


def test_a_jump_host_for_all_hosts_is_not_its_own(home: Path) -> None:
    assert places(route(home, "User x\nHost *\n ProxyJump gate\n")) == ["x@gate:22", "x@web1:22"]
    assert places(route(home, "User x\nHost *\n ProxyJump gate\n", "gate")) == ["x@gate:22"]


def test_jump_hosts_in_a_circle_end(home: Path) -> None:
    config = "User x\nHost web1\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n"
    assert places(route(home, config)) == ["x@b:22", "x@a:22", "x@web1:22"]


def test_none_switches_the_jump_off(home: Path) -> None:
    assert len(route(home, "Host web1\n ProxyJump none\nHost *\n ProxyJump gate\n")) == 1
    assert len(route(home, "Host *\n ProxyJump gate\n", jump="none")) == 1


def test_of_proxy_command_and_proxy_jump_the_first_counts(home: Path) -> None:
    command, jump = " ProxyCommand nc %h %p\n", " ProxyJump gate\n"
    first = route(home, f"Host web1\n HostName 10.0.0.5\n{command}Host *\n{jump}", port=2222)
    assert [hop.proxy_command for hop in first] == ["nc 10.0.0.5 2222"]
    second = route(home, f"Host web1\n{jump}Host *\n{command}")
    assert [hop.proxy_command for hop in second] == ["nc gate 22", None]
    assert [hop.proxy_command for hop in route(home, f"Host web1\n ProxyCommand none\nHost *\n{jump}")] == [None]


def test_known_hosts_files_are_ours_then_ssh_configs_or_openssh_s(home: Path) -> None:
    ours = (Path("/a"),)
    default = route(home, "", known_hosts_files=ours)[0].check.files
    assert default[:2] == (Path("/a"), home / ".ssh" / "known_hosts")
    assert Path("/etc/ssh/ssh_known_hosts") in default
    config = "UserKnownHostsFile ~/own /b\nGlobalKnownHostsFile none\nHostKeyAlias farm\n"
    check = route(home, config, known_hosts_files=ours)[0].check
    assert (check.files, check.alias) == ((Path("/a"), home / "own", Path("/b")), "farm")


def test_ipv6_addresses_stand_in_brackets(home: Path) -> None:
    hop = route(home, "", "fe80::1", user="x")[0]
    assert (hop.place, hop.host, hop.check.name) == ("[fe80::1]:22", "fe80::1", "fe80::1")


@pytest.mark.parametrize(
    ("text", "jumps"),
    [
        ("gate", [Jump("gate", None, None)]),
        ("ops@gate.example.com:2200", [Jump("gate.example.com", "ops", 2200)]),
        ("ssh://ops@gate:22/", [Jump("gate", "ops", 22)]),
        ("[::1]:22", [Jump("::1", None, 22)]),
        ("ops@[fe80::1%eth0]", [Jump("fe80::1%eth0", "ops", None)]),
        (" a , b ", [Jump("a", None, None), Jump("b", None, None)]),
        ("NONE", []),
    ],
)
def test_jump_hosts_are_written_as_for_ssh(text: str, jumps: list[Jump]) -> None:
    assert parse_jumps("web1", text) == jumps


@pytest.mark.parametrize("text", ["", "a,", "-oProxyCommand=x", "a b", "a:x", "a:0", "a:70000", "a:1:2", "@a", "a@"])
def test_what_is_no_jump_host_is_refused(text: str) -> None:
    with pytest.raises(InventoryError, match=r"web1: jump host .* is not of the form"):
        parse_jumps("web1", text)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "User deploy\nIdentityFile ~/.ssh/mine\nIdentitiesOnly yes\n",
        "Host web1\n User %r-x\n IdentityFile ~/.ssh/%h\nHost *\n UserKnownHostsFile ~/k\n HostKeyAlias a\n",
        "Host web2\n User nobody\n",
    ],
)
@pytest.mark.parametrize("given", [{}, {"port": 2222, "user": "ops"}])
def test_a_straight_way_is_the_one_that_fabric_finds(
    home: Path, config: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fabric is loaded only for what may lead elsewhere."""
    (straight,) = route(home, config, **given)
    monkeypatch.setattr("remediations.connections.ssh.route.may_lead_elsewhere", lambda _: True)
    (fabric_s,) = route(home, config, **given)
    assert isinstance(straight.connection, StraightConnection)
    assert not isinstance(fabric_s.connection, StraightConnection)
    for each in ("host", "port", "user", "ssh_config"):
        assert getattr(straight.connection, each) == getattr(fabric_s.connection, each), each


def test_a_match_that_runs_a_program_is_understood_where_invoke_is_not_loaded_yet(home: Path) -> None:
    (home / ".ssh" / "config").write_text('Match exec "true"\n HostName 10.0.0.5\n')
    script = """
import sys
from remediations.connections.base import Target
from remediations.connections.ssh.route import route_to
from remediations.connections.ssh.straight import StraightConnection
assert "invoke" not in sys.modules
print(route_to(Target("web1", "web1"), print)[0].place)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "10.0.0.5:22\n"
