"""Cloudflare's ranges: the copy is whole, dated, and tells its addresses from others."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from remediations.nginx import cloudflare


def test_the_copy_says_its_date_and_its_source() -> None:
    head = (Path(cloudflare.__file__).parent / "cloudflare_ips.txt").read_text(encoding="utf-8")
    assert re.search(r"^# Copied \d{4}-\d\d-\d\d", head, re.MULTILINE)
    assert "https://www.cloudflare.com/ips-v4" in head


def test_it_holds_ranges_of_both_families_and_none_twice() -> None:
    found = cloudflare.ranges()
    assert {each.version for each in found} == {4, 6}
    assert len(found) == len(set(found)) == 22


@pytest.mark.parametrize(
    "text", ["104.16.0.0", "104.27.255.255", "172.64.0.1", "131.0.75.255", "2606:4700::1", "2a06:98c7::"]
)
def test_addresses_of_the_edge_are_known(text: str) -> None:
    assert cloudflare.holds(ip_address(text))


@pytest.mark.parametrize("text", ["104.28.0.0", "104.15.255.255", "172.72.0.0", "203.0.113.1", "2606:4701::", "::1"])
def test_other_addresses_are_not(text: str) -> None:
    assert not cloudflare.holds(ip_address(text))
