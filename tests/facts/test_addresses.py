"""The host's own addresses and names, as a host prints them and as this one does."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address

from remediations.facts import addresses
from remediations.facts.addresses import Addresses
from remediations.facts.base import PRELUDE, Unknown


def test_own_addresses_and_the_names_for_them_are_kept_and_no_others() -> None:
    text = (
        b"own 127.0.0.1/8\nown 10.0.0.5/24\nown fe80::1/64\n"
        b"name 127.0.1.1 web1.example web1\nname 10.0.0.5 Backend\nname 10.0.0.9 elsewhere\nname nonsense x\n"
    )
    found = addresses.parse(text)
    assert isinstance(found, Addresses)
    assert ip_address("10.0.0.5") in found.own
    assert found.names == {
        "web1.example": (ip_address("127.0.1.1"),),
        "web1": (ip_address("127.0.1.1"),),
        "backend": (ip_address("10.0.0.5"),),
    }


def test_no_address_at_all_is_unknown() -> None:
    assert isinstance(addresses.parse(b"name 127.0.0.1 localhost\n"), Unknown)


def test_this_host_tells_its_loopback_address() -> None:
    answer = subprocess.run(["sh", "-c", PRELUDE + addresses.FACT.script], capture_output=True, check=True)
    found = addresses.FACT.parse(answer.stdout)
    assert isinstance(found, Addresses)
    assert ip_address("127.0.0.1") in found.own
