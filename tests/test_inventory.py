"""Inventories mean what they mean to Ansible, and whatever cannot be meant is refused with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from remediations.errors import InventoryError
from remediations.inventory import Host, Inventory, find_inventory, load
from remediations.secret import Secret

DATA = Path(__file__).parent / "data" / "inventory"
Write: TypeAlias = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "inventory.yml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def host(write: Write) -> Callable[[str], Host]:
    """The host `web1` with these variables."""
    return lambda variables: load(write(f"all:\n  hosts:\n    web1:\n      {variables}\n")).hosts[0]


@pytest.fixture
def refusal(write: Write) -> Callable[[str], str]:
    """The message for a whole inventory, from its file's name on."""

    def refusal(text: str) -> str:
        path = write(text)
        with pytest.raises(InventoryError) as caught:
            load(path)
        assert str(caught.value).startswith(str(path))
        return str(caught.value).replace(str(path), "inventory.yml")

    return refusal


def names(inventory: Inventory) -> list[str]:
    return [host.name for host in inventory.hosts]


# What Ansible says


@pytest.mark.parametrize("case", ["precedence", "shapes"])
def test_groups_and_merged_variables_are_those_that_ansible_gave(case: str) -> None:
    recorded: dict[str, Any] = json.loads((DATA / case / "ansible.json").read_text())
    inventory = load(DATA / case / "inventory.yml")
    assert {group: sorted(hosts) for group, hosts in inventory.groups.items()} == recorded["groups"]
    assert {host.name: dict(host.vars) for host in inventory.hosts} == recorded["variables"]


def test_hosts_come_in_the_order_in_which_the_file_first_names_them(write: Write) -> None:
    text = "all: {hosts: {z: , a: }, children: {web: {hosts: {m: , a: , 'n[1:2]': }}}, vars: {}}\nlate: {hosts: b}\n"
    assert names(load(write(text))) == ["z", "a", "m", "n1", "n2", "b"]


def test_a_host_in_two_groups_is_one_host_and_knows_both(write: Write) -> None:
    text = "all: {children: {a: {hosts: {web1: {x: 1}}}, b: {children: {c: {hosts: {web1: {y: 2}}}}}}}"
    (found,) = load(write(text)).hosts
    assert found.groups == ("a", "b", "c")
    assert found.vars == {"x": 1, "y": 2}


def test_an_empty_inventory_has_no_hosts(write: Write) -> None:
    for text in ("", "# nothing\n", "all:\n", "all: {hosts: , vars: , children: }\n"):
        inventory = load(write(text))
        assert inventory.hosts == ()
        assert inventory.groups == {"all": (), "ungrouped": ()}


def test_a_group_named_in_two_places_is_one_group(write: Write) -> None:
    text = "all: {children: {web: {hosts: a}, other: {children: {web: {hosts: b}}}}}\nweb: {vars: {x: 1}}"
    inventory = load(write(text))
    assert inventory.groups["web"] == ("a", "b")
    assert [found.vars for found in inventory.hosts] == [{"x": 1}, {"x": 1}]


def test_the_example_inventory_is_read() -> None:
    inventory = load(Path(__file__).parents[1] / "inventory.example.yml")
    web2 = next(found for found in inventory.hosts if found.name == "web2")
    assert (web2.address, web2.port, web2.user) == ("192.0.2.12", 2222, "admin")
    assert "app04.example.com" in names(inventory)


def test_what_ansible_inventory_writes_as_yaml_is_read(write: Write) -> None:
    """The output of the command to which people are sent for INI files and plugins."""
    text = "all: {children: {ungrouped: {}, web: {hosts: {web1: {ansible_host: 10.0.0.1}, web2: {}}}}}"
    assert [found.address for found in load(write(text)).hosts] == ["10.0.0.1", "web2"]


# One host


def test_a_bare_host_has_the_defaults(host: Callable[[str], Host]) -> None:
    assert host("{}") == Host(name="web1", address="web1", groups=("ungrouped",))
    assert host("{}").become is True


def test_every_variable_that_we_know_is_read(host: Callable[[str], Host]) -> None:
    found = host(
        "{ansible_host: 10.0.0.1, ansible_port: 2222, ansible_user: admin, ansible_connection: ssh, "
        "ansible_ssh_private_key_file: /keys/a, ansible_ssh_common_args: '-J bastion -o UserKnownHostsFile=/a',"
        "ansible_ssh_extra_args: -o UserKnownHostsFile=/b, ansible_host_key_checking: accept-new,"
        "ansible_become: false, ansible_become_user: root, ansible_become_method: sudo, ansible_become_password: pw,"
        "health: {url: 'http://localhost/'}, site: shop}"
    )
    assert (found.address, found.port, found.user, found.connection) == ("10.0.0.1", 2222, "admin", "ssh")
    assert (found.private_key_file, found.jump) == (Path("/keys/a"), "bastion")
    assert found.known_hosts_files == (Path("/a"), Path("/b"))
    assert (found.host_key_checking, found.become, found.become_user) == ("accept-new", False, "root")
    assert found.become_password == Secret("pw")
    assert found.health is not None
    assert found.health.url == "http://localhost/"
    assert found.health.origin.endswith("inventory.yml:4")
    assert found.vars["site"] == "shop"


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ("ansible_ssh_host: a.example", "address", "a.example"),
        ("ansible_ssh_port: 22", "port", 22),
        ("ansible_ssh_user: old", "user", "old"),
        ("ansible_private_key_file: /k", "private_key_file", Path("/k")),
        ("ansible_become_pass: pw", "become_password", Secret("pw")),
        ("ansible_sudo_pass: pw", "become_password", Secret("pw")),
        ("ansible_become_password: 007", "become_password", Secret("007")),
        ("ansible_port: '2222'", "port", 2222),
        ("ansible_host: '::1'", "address", "::1"),
        ("ansible_host: fe80::1%eth0", "address", "fe80::1%eth0"),
        ("ansible_user: 1000", "user", "1000"),
        ("ansible_user: 'DOMAIN\\admin'", "user", "DOMAIN\\admin"),
        ("ansible_connection: local", "connection", "local"),
        ("ansible_connection: ansible.builtin.local", "connection", "local"),
        ("ansible_connection: paramiko", "connection", "ssh"),
        ("ansible_connection: smart", "connection", "ssh"),
        ("ansible_become: 'yes'", "become", True),
        ("ansible_become: off", "become", False),
        ("ansible_become: 0", "become", False),
        ("ansible_become: 'False'", "become", False),
        ("ansible_host_key_checking: yes", "host_key_checking", "yes"),
        ("ansible_host_key_checking: false", "host_key_checking", "no"),
        ("ansible_ssh_host_key_checking: 'no'", "host_key_checking", "no"),
        ("ansible_ssh_common_args: ''", "jump", None),
        ("ansible_ssh_extra_args: -J b", "jump", "b"),
        ("health:", "health", None),
    ],
)
def test_aliases_and_ansibles_ways_to_write_a_value(
    host: Callable[[str], Host], variables: str, field: str, value: object
) -> None:
    assert getattr(host(variables), field) == value


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("ansible_port: ssh", "inventory.yml:4: web1: ansible_port: expected a port, 1 to 65535, got 'ssh'"),
        ("ansible_port: 0", "inventory.yml:4: web1: ansible_port: expected a port, 1 to 65535, got 0"),
        ("ansible_port: 65536", "ansible_port: expected a port, 1 to 65535, got 65536"),
        ("ansible_port: 22.0", "ansible_port: expected a port, 1 to 65535, got '22.0'"),
        ("ansible_port: yes", "ansible_port: expected a port, 1 to 65535, got the boolean yes"),
        ("ansible_port: [22]", "ansible_port: expected a port, 1 to 65535, got a list"),
        ("ansible_port:", "ansible_port: expected a port, 1 to 65535, got nothing (null)"),
        ("ansible_port: -22", "ansible_port: expected a port"),
        ("ansible_host: {a: b}", "ansible_host: expected a host name or an IP address, got a mapping"),
        ("ansible_host: -oProxyCommand=id", "expected a host name or an IP address, got '-oProxyCommand=id'"),
        ("ansible_host: a b", "expected a host name or an IP address, got 'a b'"),
        ("ansible_host: a;id", "expected a host name or an IP address"),
        ("ansible_host: bücher.example", "expected a host name or an IP address"),
        ("ansible_host: ''", "expected a host name or an IP address, got empty text"),
        ("ansible_host: https://a", "expected a host name or an IP address"),
        ("ansible_host: 2024-01-01", "got the date 2024-01-01; quote it"),
        ("ansible_user: -l", "ansible_user: expected a user name, got '-l'"),
        ("ansible_user: 'a b'", "ansible_user: expected a user name"),
        ("ansible_user: {}", "ansible_user: expected a user name, got a mapping"),
        ("ansible_connection: winrm", "ansible_connection: expected ssh or local, got 'winrm'"),
        ("ansible_connection: 5", "ansible_connection: expected ssh or local, got '5'"),
        ("ansible_ssh_private_key_file: ~nobody-here/k", "no such user, so no home folder"),
        ("ansible_ssh_common_args: -C", "ansible_ssh_common_args: -C is not supported here: only -J HOST"),
        ("ansible_ssh_extra_args: -o User=x", "ansible_ssh_extra_args: -o User=x is not supported here"),
        ("ansible_ssh_common_args: [-J, x]", "ansible_ssh_common_args: expected ssh options, got a list"),
        ("{ansible_ssh_common_args: -J a, ansible_ssh_extra_args: -J b}", "names another jump host"),
        ("ansible_host_key_checking: ask", "expected yes, accept-new or no, got the text 'ask'"),
        ("ansible_become: maybe", "ansible_become: expected true or false, got the text 'maybe'"),
        ("ansible_become:", "ansible_become: expected true or false, got nothing (null)"),
        ("ansible_become_user: www-data", "ansible_become_user: only root is supported, got the text 'www-data'"),
        ("ansible_become_method: su", "ansible_become_method: only sudo is supported, got the text 'su'"),
        ("{ansible_host: a, ansible_ssh_host: b}", "web1: ansible_ssh_host: disagrees with web1: ansible_host"),
        ("health: good", "web1: health: expected a mapping with the keys url, host, status, contains, timeout"),
        ("health: {status: 7}", "web1: health.status: expected a status"),
        ("ansible_host: '{{ ip }}'", "web1: ansible_host: templates ({{ … }}) are not evaluated here"),
        ("ansible_ssh_common_args: '-J {% if x %}'", "web1: ansible_ssh_common_args: templates"),
        ("health: {url: 'http://{{ x }}/'}", "web1: health: templates ({{ … }}) are not evaluated here"),
        ("ansible_become_password: '{{ vaulted }}'", "web1: ansible_become_password: templates"),
        ("ansible_host: {{ ip }}", "put a value that begins with {{ in quotes"),
        ("web_port: !vault abc", "all.hosts.web1.web_port: the value is encrypted with Ansible Vault"),
    ],
)
def test_a_variable_that_cannot_be_used_names_file_line_host_and_key(
    refusal: Callable[[str], str], variables: str, message: str
) -> None:
    found = refusal(f"all:\n  hosts:\n    web1:\n      {variables}\n")
    assert found.startswith("inventory.yml:4: ")
    assert message in found


@pytest.mark.parametrize("password", ["[hunter2]", "{hunter2: x}", '"hunter2\\nb"', "", "''", "yes"])
def test_a_password_that_cannot_be_used_is_not_shown(refusal: Callable[[str], str], password: str) -> None:
    found = refusal(f"all:\n  hosts:\n    web1:\n      ansible_become_password: {password}\n")
    assert "expected the sudo password as text on one line" in found
    assert "hunter2" not in found


def test_a_password_shows_nowhere_by_itself(host: Callable[[str], Host]) -> None:
    found = host("{ansible_become_password: hunter2, other: hunter2}")
    assert found.become_password is not None
    assert found.become_password.reveal() == "hunter2"
    assert "hunter2" not in f"{found} {found!r} {found.become_password} {found.become_password!r:>20}"
    assert found.vars["ansible_become_password"] == Secret("hunter2")


def test_unknown_variables_are_kept_whatever_they_hold(host: Callable[[str], Host]) -> None:
    found = host("{list: [1, {a: '{{ b }}'}], ansible_python_interpreter: /usr/bin/python3, n: ~}")
    assert found.vars == {"list": [1, {"a": "{{ b }}"}], "ansible_python_interpreter": "/usr/bin/python3", "n": None}


def test_relative_paths_are_beside_the_inventory_where_they_exist_there_else_below_the_current_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = write("all: {hosts: {a: {ansible_ssh_private_key_file: keys/id}}}")
    assert load(path).hosts[0].private_key_file == elsewhere / "keys" / "id"
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id").touch()
    assert load(path).hosts[0].private_key_file == tmp_path / "keys" / "id"


def test_a_tilde_is_the_home_folder(host: Callable[[str], Host], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    found = host("{ansible_ssh_private_key_file: ~/k, ansible_ssh_common_args: -o UserKnownHostsFile='~/a ~/b'}")
    assert found.private_key_file == Path("/home/someone/k")
    assert found.known_hosts_files == (Path("/home/someone/a"), Path("/home/someone/b"))


def test_a_port_in_the_name_gives_way_to_the_variable(write: Write) -> None:
    text = "all: {hosts: {'a:2222': , 'b:2222': {ansible_port: 22}, '[::1]:2222': , '2001:db8::22': }}"
    assert [(found.name, found.port) for found in load(write(text)).hosts] == [
        ("a", 2222),
        ("b", 22),
        ("::1", 2222),
        ("2001:db8::22", None),
    ]


# Shapes that are wrong


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- web1\n- web2\n", "inventory.yml:1: expected a mapping of groups such as `all:`, got a list"),
        ("'just text'", "inventory.yml:1: expected a mapping of groups such as `all:`, got the text 'just text'"),
        ("all: [web1]\n", "inventory.yml:1: all: expected a mapping with the keys hosts, vars, children, got a list"),
        ("all:\n  hosts: [web1]\n", "inventory.yml:2: all.hosts: expected a mapping of names (hosts are written"),
        ("all:\n  hosts:\n    - web1\n", "inventory.yml:2: all.hosts: expected a mapping of names"),
        ("all:\n  hosts: 5\n", "inventory.yml:2: all.hosts: expected a mapping of names"),
        ("all:\n  hosts:\n    web1: 5\n", "inventory.yml:3: all.hosts.web1: expected a mapping of variables, got the"),
        ("all:\n  hosts:\n    web1: [a]\n", "inventory.yml:3: all.hosts.web1: expected a mapping of variables, got a"),
        ("all:\n  vars: [a]\n", "inventory.yml:2: all.vars: expected a mapping of variables, got a list"),
        ("all:\n  children: [web]\n", "inventory.yml:2: all.children: expected a mapping of names (children are"),
        ("all:\n  host:\n    a:\n", "inventory.yml:2: all: unknown key 'host' (did you mean 'hosts'?); allowed: hosts"),
        ("all:\n  children:\n    web:\n      web1:\n", "inventory.yml:4: all.children.web: unknown key 'web1'"),
        ("all:\n  hosts:\n    -x:\n", "inventory.yml:3: all.hosts.-x: '-x' is not a host name or IP address"),
        ("all:\n  hosts:\n    'a b':\n", "'a b' is not a host name or IP address"),
        ("all:\n  hosts:\n    ../x:\n", "'../x' is not a host name or IP address"),
        ("all:\n  hosts:\n    a/b:\n", "'a/b' is not a host name or IP address"),
        ("all:\n  hosts:\n    wéb:\n", "'wéb' is not a host name or IP address (ASCII letters, digits, _ . -)"),
        ("all:\n  hosts:\n    '{{ x }}':\n", "is not a host name or IP address"),
        (f"all:\n  hosts:\n    {'a' * 300}:\n", "is not a host name or IP address"),
        (
            "all:\n  hosts:\n    web[3:1]:\n",
            "inventory.yml:3: all.hosts.web[3:1]: the range [3:1] ends before it begins",
        ),
        ("all:\n  hosts:\n    -[1:2]:\n", "'-1' is not a host name or IP address"),
        ("all:\n  hosts:\n    web[1:200000]:\n", "inventory.yml:3: all.hosts.web[1:200000]: the range"),
        ("all:\n  hosts:\n    a[1:60000]:\n    b[1:60000]:\n", "inventory.yml:4: all.hosts.b[1:60000]: the inventory"),
        ("all:\n  hosts:\n    a:70000:\n", "inventory.yml:3: a: ansible_port: expected a port, 1 to 65535, got 70000"),
        (
            "all:\n  hosts:\n    a: {x: 1}\n    a: {x: 2}\n",
            "inventory.yml:4: all.hosts.a: stands twice, first on line 3",
        ),
        ("'we b': {hosts: a}", "inventory.yml:1: we b: 'we b' is not a group name"),
        ("'!web': {hosts: a}", "'!web' is not a group name"),
        ("web: {vars: {ansible_group_priority: high}}", "web.vars.ansible_group_priority: expected a whole number"),
        ("a: {children: {b: }}\nb: {children: {a: }}\n", "groups hold each other in a circle: "),
        ("a: {children: {a: }}", "inventory.yml:1: a: groups hold each other in a circle: a > a"),
        ("a: {children: {all: }}", "groups hold each other in a circle: "),
        ("a: {children: {b: {children: {c: {children: {a: }}}}}}", "in a circle: "),
        ("_meta: {hostvars: {}}\nall: {children: [a]}", "this is `ansible-inventory --list` as JSON; write it with"),
        ("plugin: aws_ec2\n", "inventory.yml:1: plugin: inventory plugins are not run here; write it with"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "inventory.yml:1: the file is encrypted with Ansible Vault"),
        ("#!/usr/bin/env python3\nprint()\n", "is a script (dynamic inventory), only YAML is read here"),
    ],
)
def test_a_wrong_shape_names_file_line_and_key(refusal: Callable[[str], str], text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "[web]\nweb1\nweb2 ansible_host=10.0.0.1\n",
        "# comment\n; comment\n\n[web:children]\ndb\n",
        "web1\n",
        "web1\nweb2\n",
        "web1 ansible_host=10.0.0.1 ansible_user=root\n[db]\n",
        "web[01:50].example.com\n",
        "10.0.0.1\n",
        "web1:2222\nweb2\n",
        "web1 ansible_ssh_common_args='-o StrictHostKeyChecking=no'\n",
        "[web] # comment\nweb1\n",
    ],
)
def test_an_ini_inventory_is_recognised_and_the_command_that_converts_it_is_named(
    refusal: Callable[[str], str], text: str
) -> None:
    expected = "is an INI inventory, only YAML is read here; convert it with: ansible-inventory -i inventory.yml --list"
    assert expected in refusal(text)


@pytest.mark.parametrize(
    "text", ["all:\n", "---\nall:\n", "web1:\n", "{all: {}}", '"all": {}', "all :\n", "%YAML 1.1\n---\n"]
)
def test_yaml_is_not_taken_for_ini(write: Write, text: str) -> None:
    load(write(text))


def test_the_path_in_the_command_that_converts_is_quoted(write: Callable[..., Path]) -> None:
    path = write("[web]\n", "my hosts.ini")
    with pytest.raises(InventoryError, match=r"ansible-inventory -i '.*my hosts\.ini' --list --yaml > inventory\.yml"):
        load(path)


def test_one_template_on_a_group_does_not_hide_behind_the_hosts_own_value(write: Write) -> None:
    text = "all: {vars: {ansible_host: '{{ x }}'}, hosts: {a: {ansible_host: 10.0.0.1}}}"
    assert load(write(text)).hosts[0].address == "10.0.0.1"


# group_vars and host_vars


def test_a_fault_in_group_vars_names_that_file(write: Callable[..., Path]) -> None:
    path = write("all: {children: {web: {hosts: web1}}}")
    faulty = write("ok: 1\nansible_port: many\n", "group_vars/web.yml")
    with pytest.raises(InventoryError) as caught:
        load(path)
    assert str(caught.value) == f"{faulty}:2: web1: ansible_port: expected a port, 1 to 65535, got 'many'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "web.yml:1: expected a mapping of variables, got a list"),
        ("a: [\n", "web.yml:2: is not YAML"),
        ("a: 1\na: 2\n", "web.yml:2: a: stands twice, first on line 1"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61\n", "web.yml:1: the file is encrypted with Ansible Vault"),
    ],
)
def test_group_vars_that_are_no_mapping_are_refused(write: Callable[..., Path], text: str, message: str) -> None:
    path = write("all: {children: {web: {hosts: web1}}}")
    write(text, "group_vars/web.yml")
    with pytest.raises(InventoryError) as caught:
        load(path)
    assert message in str(caught.value)


def test_empty_group_vars_and_those_of_unknown_groups_do_nothing(write: Callable[..., Path]) -> None:
    path = write("all: {hosts: web1}")
    write("", "group_vars/all.yml")
    write("a: [", "group_vars/nobody.yml")
    assert load(path).hosts[0].vars == {}


def test_health_of_a_host_counts_before_that_of_its_group(write: Callable[..., Path]) -> None:
    path = write(
        "web: {vars: {health: {url: 'http://group/'}}, hosts: {a: , b: {health: {contains: own}}, c: {health: }}}"
    )
    write("health: {url: 'http://all/'}\n", "group_vars/all/health.yml")
    by_name = {found.name: found.health for found in load(path).hosts}
    assert by_name["a"] is not None
    assert (
        by_name["a"].url == "http://all/"
    )  # group_vars/all overrides the groups of the inventory itself, as in Ansible
    assert by_name["a"].origin.endswith("group_vars/all/health.yml:1")
    assert by_name["b"] is not None
    assert (by_name["b"].url, by_name["b"].contains) == (None, "own")
    assert by_name["c"] is None


# Where it is


def test_the_option_comes_first_then_two_environment_variables_then_the_current_folder() -> None:
    environ = {"REMEDIATE_INVENTORY": "ours.yml", "ANSIBLE_INVENTORY": "theirs.yml"}
    assert find_inventory("option.yml", environ) == Path("option.yml")
    assert find_inventory(None, environ) == Path("ours.yml")
    assert find_inventory(None, {"ANSIBLE_INVENTORY": "theirs.yml"}) == Path("theirs.yml")
    assert find_inventory(None, {"REMEDIATE_INVENTORY": "", "ANSIBLE_INVENTORY": ""}) == Path("inventory.yml")


def test_an_empty_option_is_an_error() -> None:
    with pytest.raises(InventoryError, match="--inventory: the path of an inventory is missing"):
        find_inventory("", {})


def test_without_an_inventory_the_error_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(
        InventoryError, match=r"no such inventory; begin with: cp inventory\.example\.yml inventory\.yml"
    ):
        load(tmp_path / "inventory.yml")


def test_a_folder_and_a_list_of_inventories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="is a folder; name one YAML file in it"):
        load(tmp_path)
    with pytest.raises(InventoryError, match="several inventories are not merged here, name one"):
        load(tmp_path / "a.yml,b.yml")


def test_ten_thousand_hosts_are_read_in_seconds(write: Write) -> None:
    text = "web: {vars: {health: {url: 'http://x/'}}, hosts: {'w[00001:10000]': {ansible_ssh_common_args: -J a}}}"
    assert len(load(write(text)).hosts) == 10_000


def test_reading_an_inventory_imports_nothing_heavy() -> None:
    code = "import sys, remediations.playbook, remediations.inventory.patterns; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"fabric", "paramiko", "invoke", "jinja2", "rich", "difflib"}.isdisjoint(loaded)
