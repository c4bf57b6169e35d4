"""Of ssh's options only jump hosts and known_hosts files are read; whatever else stands there is named."""

from __future__ import annotations

import pytest

from remediations.inventory.ssh_arguments import SshArguments, parse


@pytest.mark.parametrize(
    "text",
    [
        "-J admin@bastion:2222",
        "-Jadmin@bastion:2222",
        "-o ProxyJump=admin@bastion:2222",
        "-oProxyJump=admin@bastion:2222",
        "-o 'ProxyJump admin@bastion:2222'",
        "-o 'proxyjump = admin@bastion:2222'",
        '-o "ProxyJump=admin@bastion:2222"',
    ],
)
def test_every_way_to_write_a_jump_host_is_read(text: str) -> None:
    assert parse(text) == SshArguments(jump="admin@bastion:2222")


@pytest.mark.parametrize("jump", ["a,b@c:1", "[2001:db8::1]:22", "u@[::1]", "none", "10.0.0.1"])
def test_hops_addresses_and_none_are_jump_hosts(jump: str) -> None:
    assert parse(f"-J {jump}").jump == jump


def test_known_hosts_files_may_be_several_words_and_several_options() -> None:
    text = "-o UserKnownHostsFile='~/a /b' -J x -oUserKnownHostsFile=/c -o 'UserKnownHostsFile=\"/d e\"'"
    assert parse(text) == SshArguments("x", ("~/a", "/b", "/c", "/d e"))


def test_nothing_is_nothing() -> None:
    assert parse("  ") == SshArguments()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-o StrictHostKeyChecking=no", "-o StrictHostKeyChecking=no is not supported here: only -J HOST"),
        ("-o StrictHostKeyChecking=no", "write ansible_host_key_checking: yes, accept-new or no"),
        ("-o ProxyCommand='ssh -W %h:%p b'", "instead of ProxyCommand name the hosts in between with ProxyJump"),
        ("-i key", "-i is not supported here.*ansible_ssh_private_key_file"),
        ("-p 2222", "-p is not supported here.*ansible_port"),
        ("-C -J x", "-C is not supported here"),
        ("bastion", "bastion is not supported here"),
        ("-J", "-J has no value"),
        ("-J x -o", "-o has no value"),
        ("-o ProxyJump=", "-o ProxyJump= has no value"),
        ("-o ProxyJump", "-o ProxyJump has no value"),
        ("-J a -J b", "given twice; several hops are written -J a,b"),
        ("-J a -o ProxyJump=b", "given twice"),
        ("-J '-oProxyCommand=id'", "is not a jump host"),
        ("-J 'a;id'", "is not a jump host"),
        ("-J a,", "'' is not a jump host"),
        ("-J 'a b'", "is not a jump host"),
        ("-J 'unclosed", "cannot be split into words"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_write_instead(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)
