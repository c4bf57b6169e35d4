"""Host ranges are Ansible's, and cannot stand for more hosts than a machine can hold."""

from __future__ import annotations

import pytest

from remediations.inventory.ranges import expand


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("web[1:3]", "web1 web2 web3"),
        ("web[01:03]", "web01 web02 web03"),
        ("web[08:11].example.com", "web08.example.com web09.example.com web10.example.com web11.example.com"),
        ("web[1:9:4]", "web1 web5 web9"),
        ("web[1:8:4]", "web1 web5"),
        ("web[:2]", "web0 web1 web2"),
        ("web[0:2]", "web0 web1 web2"),
        ("web[000:002]", "web000 web001 web002"),
        ("web[9:11]", "web9 web10 web11"),
        ("db-[a:d]", "db-a db-b db-c db-d"),
        ("db-[a:f:2]", "db-a db-c db-e"),
        ("db-[y:B]", "db-y db-z db-A db-B"),
        ("[a:b][1:2]", "a1 a2 b1 b2"),
        ("r[1:2]-n[x:y]", "r1-nx r1-ny r2-nx r2-ny"),
        ("one[5:5]", "one5"),
        ("plain", "plain"),
    ],
)
def test_a_range_stands_for_these_hosts(name: str, names: str) -> None:
    assert list(expand(name)) == names.split()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("web[3:1]", "ends before it begins"),
        ("web[b:a]", "ends before it begins"),
        ("web[1:9:0]", "a step of 0"),
        ("web[01:5]", "must end with as many"),
        ("web[1:]", "has not the form"),
        ("web[]", "has not the form"),
        ("web[1]", "has not the form"),
        ("web[a:5]", "has not the form"),
        ("web[aa:bb]", "has not the form"),
        ("web[1:2:3:4]", "has not the form"),
        ("web[-1:3]", "has not the form"),
        ("web[\u0660:\u0663]", "has not the form"),
        ("web[1:100001]", "more than 100000 hosts"),
        ("web[1:999999999]", "more than 100000 hosts"),
        ("web[1:1000000000000000000000]", "has not the form"),
        ("[1:1000]-[1:1000]", "stands for 1000000 hosts, more than 100000"),
        ("[1:99999][1:99999][1:99999]", "more than 100000"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(name)


def test_the_largest_range_is_allowed() -> None:
    assert sum(1 for _ in expand("web[1:100000]")) == 100_000
