"""Units as systemctl tells them: their aliases, how many were left out, and what may be asked for by name."""

from __future__ import annotations

import pytest

from remediations.facts import units
from remediations.facts.base import Answer, Unknown
from tests.library.units import unit

SSH = b"Id=ssh.service\nNames=sshd.service ssh.service\nLoadState=loaded\nActiveState=active\n"


def test_a_unit_knows_its_aliases() -> None:
    found = units.parse(SSH)
    assert not isinstance(found, Unknown)
    assert found["ssh.service"].aliases == ("sshd.service",)
    assert unit("cron.service").aliases == ()


def test_units_that_were_left_out_are_counted_from_the_same_answer() -> None:
    cut, whole = Answer(0, b"LEFT_OUT=17\n\n" + SSH), Answer(0, SSH)
    assert (units.LEFT_OUT.read(cut), units.LEFT_OUT.read(whole)) == (17, 0)
    assert units.FACT.read(cut) == units.FACT.read(whole)


def test_links_that_lead_nowhere_are_named_before_the_units() -> None:
    told = b"LEFT_OUT=17\n\nDANGLING=app@8001.service\nDANGLING=-x y\n\n" + SSH + b"\nDANGLING=late.service\n"
    assert units.DANGLING.read(Answer(0, told)) == ("app@8001.service",)
    assert units.FACT.read(Answer(0, told)) == units.FACT.read(Answer(0, SSH))
    assert units.DANGLING.read(Answer(0, SSH)) == ()


def test_a_property_that_looks_like_the_count_is_none() -> None:
    assert units.parse_left_out(SSH + b"Environment=A=1\nLEFT_OUT=5\n") == 0


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("cron", "cron.service"),
        ("cron.service", "cron.service"),
        ("php8.2-fpm", "php8.2-fpm.service"),
        ("systemd-journald.socket", "systemd-journald.socket"),
        ("app@8001", "app@8001.service"),
        ("app@8001.service", "app@8001.service"),
        (r"dev-disk-by\x2dlabel-root.swap", r"dev-disk-by\x2dlabel-root.swap"),
    ],
)
def test_a_name_is_completed_as_systemctl_does(name: str, full: str) -> None:
    assert units.full_name(name) == full


@pytest.mark.parametrize("name", ["app@.service", "app@", "a b", "a;b", "ngin*", "/etc/passwd", "", "ä"])
def test_what_cannot_be_the_name_of_a_unit_is_not_asked_for(name: str) -> None:
    assert units.full_name(name) is None
