"""Where a variable leads, as far as the configuration says so."""

from __future__ import annotations

import pytest

from remediations.editors import nginx_tree
from remediations.editors.nginx_address import Address
from remediations.editors.nginx_upstreams import PassTarget, pass_targets

OLD = Address(path="/run/php/8.1.sock")


def target(inside: str, http: str = "") -> PassTarget:
    text = f"http {{ {http} server {{ set $outer /run/outer.sock; location / {{ {inside} }} }} }}"
    (found,) = pass_targets(nginx_tree.load("/n", {"/n": text.encode()}))
    return found


@pytest.mark.parametrize(
    ("inside", "http", "addresses"),
    [
        ("set $s unix:/run/php/8.1.sock; fastcgi_pass $s;", "", [OLD]),
        ("set $s 8.1; fastcgi_pass unix:/run/php/${s}.sock;", "", [OLD]),
        ("fastcgi_pass unix:$outer;", "", [Address(path="/run/outer.sock")]),
        ("set $outer /run/php/8.1.sock; fastcgi_pass unix:$outer;", "", [OLD]),
        ("set $u http://127.0.0.1:3000; proxy_pass $u;", "", [Address("127.0.0.1", 3000)]),
        ("set $u app; proxy_pass http://$u;", "upstream app { server 127.0.0.1:81; }", [Address("127.0.0.1", 81)]),
        ("set $a 127.0.0.1; set $u $a:3000; proxy_pass http://$u$request_uri;", "", [Address("127.0.0.1", 3000)]),
    ],
)
def test_one_value_that_is_set_is_where_it_leads(inside: str, http: str, addresses: list[Address]) -> None:
    found = target(inside, http)
    assert (list(found.possible), found.sure) == (addresses, True)


def test_the_rows_of_a_map_are_where_it_may_lead() -> None:
    rows = "map $host $s { hostnames; default /run/php/8.1.sock; b.example /run/b.sock; c.example $other; }"
    found = target("fastcgi_pass unix:$s;", rows)
    assert (found.possible, found.sure) == ((OLD, Address(path="/run/b.sock")), False)


def test_a_set_inside_an_if_is_another_possibility() -> None:
    found = target("set $s 127.0.0.1:1; if ($x) { set $s 127.0.0.1:2; } proxy_pass http://$s;")
    assert ({one.port for one in found.possible}, found.sure) == ({1, 2}, False)


def test_a_variable_of_nginxs_own_may_lead_to_whatever_fits() -> None:
    found = target("fastcgi_pass unix:/run/php/$pool.sock;")
    assert (found.possible, found.sure) == ((), False)
    assert found.may_be(OLD)
    assert not found.may_be(Address(path="/run/8.1.sock"))


def test_a_variable_that_is_made_of_itself_ends() -> None:
    assert target("set $s $s; fastcgi_pass unix:$s;").possible == ()
