"""Host patterns select what Ansible selects, and never more than what was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remediations.errors import UsageError
from remediations.inventory import Inventory, load
from remediations.inventory.patterns import select, split

DATA = Path(__file__).parent / "data" / "inventory" / "precedence"
RECORDED: dict[str, Any] = json.loads((DATA / "ansible.json").read_text())["patterns"]


@pytest.fixture(scope="module")
def recorded() -> Inventory:
    return load(DATA / "inventory.yml")


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    path = tmp_path / "inventory.yml"
    path.write_text(
        "all: {hosts: {app1: , app2: , '10.0.0.1': , '2001:db8::1': }, children: {web: {hosts: {'web[1:3]': }}, "
        "db: {hosts: {db1: , web3: }}, empty: , both: {hosts: {db1: }}}}"
    )
    return load(path)


def chosen(inventory: Inventory, *patterns: str) -> list[str]:
    return [host.name for host in select(inventory, patterns)]


def refusal(inventory: Inventory, *patterns: str) -> str:
    with pytest.raises(UsageError) as caught:
        select(inventory, patterns)
    return str(caught.value).replace(str(inventory.path), "inventory.yml")


@pytest.mark.parametrize("pattern", sorted(RECORDED))
def test_a_pattern_selects_what_ansible_selected(recorded: Inventory, pattern: str) -> None:
    assert sorted(chosen(recorded, pattern)) == RECORDED[pattern]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["web1"], "web1"),
        (["web"], "web1 web2 web3"),
        (["db", "web1"], "web1 web3 db1"),
        (["web,db1"], "web1 web2 web3 db1"),
        ([" web1 , db1 "], "web1 db1"),
        (["web*", "!web3"], "web1 web2"),
        (["!web"], "app1 app2 10.0.0.1 2001:db8::1 db1"),
        (["!web", "!db", "!*0*"], "app1 app2"),
        (["&db"], "web3 db1"),
        (["web:&db"], "web3"),
        (["!web3", "web", "&db", "db1"], "db1"),
        (["web[0:1]"], "web1 web2"),
        (["app[12]"], "app1 app2"),
        (["*[0]"], "app1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["!2001:db8::1", "*0*"], "10.0.0.1"),
        (["10.0.0.1:web1"], "web1 10.0.0.1"),
        (["~app\\d"], "app1 app2"),
        (["~(app|db)[1,2]{1,1}$"], "app1 app2 db1"),
        (["~^(?:app|db)1"], "app1 db1"),
        (["web", "!empty"], "web1 web2 web3"),
        (["all"], "app1 app2 10.0.0.1 2001:db8::1 web1 web2 web3 db1"),
    ],
)
def test_patterns_together_select_these_hosts(inventory: Inventory, patterns: list[str], names: str) -> None:
    assert sorted(chosen(inventory, *patterns)) == sorted(names.split())


def test_hosts_come_in_inventory_order_whatever_the_order_of_the_patterns(inventory: Inventory) -> None:
    assert chosen(inventory, "web3", "app2", "web1") == ["app2", "web1", "web3"]


def test_a_glob_never_means_all_hosts_by_matching_the_name_of_the_group_all(inventory: Inventory) -> None:
    """Ansible's `a*` does: it matches the group `all`. Nobody who writes `a*` means that."""
    assert chosen(inventory, "a*") == ["app1", "app2"]
    assert chosen(inventory, "~a") == ["app1", "app2"]
    assert "matches no host" in refusal(inventory, "u*")


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "--host: the name of a host or group, or a pattern, is missing"),
        ([""], "--host: the name of a host or group"),
        ([" , "], "--host: the name of a host or group"),
        (["wbe1"], "host pattern wbe1: matches no host and no group of inventory.yml; near are: web1"),
        (["web1", "wbe2"], "host pattern wbe2: matches no host"),
        (["web", "!wbe3"], "host pattern wbe3: matches no host and no group of inventory.yml; near are: web3"),
        (["web", "&nothing"], "host pattern nothing: matches no host"),
        (["zzzzzz"], "; there are: all, ungrouped, web, db, empty, both, app1, app2, 10.0.0.1, 2001:db8::1 and 4 more"),
        (["!"], "host pattern : matches no host"),
        (["Web1"], "matches no host"),
        (["web1 web2"], "matches no host"),
        (["web1:22"], "host pattern 22: matches no host"),
        (["nope*"], "matches no host"),
        (["~nope"], "matches no host"),
        (["~("], "host pattern ~(: is not a regular expression: "),
        (["empty"], "host pattern empty: this group of inventory.yml has no hosts"),
        (["web", "empty"], "host pattern empty: this group of inventory.yml has no hosts"),
        (["web", "!web"], "host pattern web,!web: no host is left, of 8 in inventory.yml"),
        (["!all"], "no host is left"),
        (["web:&app1"], "no host is left"),
        (["web[3]"], "host pattern web[3]: selects none of the 3 hosts of web (from 0)"),
        (["web[-4]"], "selects none of the 3 hosts of web"),
        (["web[5:9]"], "selects none of the 3 hosts of web"),
        (["web[2:1]"], "selects none of the 3 hosts of web"),
        (["web[12]"], "selects none of the 3 hosts of web"),
        (["--dry-run"], "matches no host"),
    ],
)
def test_what_selects_nothing_is_refused_and_says_what_is_near(
    inventory: Inventory, patterns: list[str], message: str
) -> None:
    assert message in refusal(inventory, *patterns)


def test_a_plain_name_is_a_group_before_it_is_a_host(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("web: {hosts: {a: , b: }}\nother: {hosts: web}")
    inventory = load(tmp_path / "inventory.yml")
    assert chosen(inventory, "web") == ["a", "b"]
    assert chosen(inventory, "we*") == ["a", "b", "web"]


def test_an_inventory_without_hosts_has_nothing_to_select(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("all:\n")
    with pytest.raises(UsageError, match=r"host pattern all: this group of .* has no hosts"):
        select(load(tmp_path / "inventory.yml"), ["all"])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a,b", ["a", "b"]),
        ("a:b:!c:&d", ["a", "b", "!c", "&d"]),
        ("web[0:2]:db", ["web[0:2]", "db"]),
        ("web[0:2],db[1:]", ["web[0:2]", "db[1:]"]),
        ("~a{1,2}:b,c", ["~a{1,2}:b", "c"]),
        ("!~(a,b)", ["!~(a,b)"]),
        ("!::1,fe80::1", ["!::1", "fe80::1"]),
        ("a]b,c", ["a]b", "c"]),
    ],
)
def test_a_pattern_is_split_where_a_separator_stands_outside_of_brackets(pattern: str, words: list[str]) -> None:
    assert split(pattern) == words
