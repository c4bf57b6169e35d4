"""enable-at-boot: a web service that runs and is disabled is enabled; all others are left as somebody wanted them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.changes.unit import UnitAction
from remediations.facts.base import Unknown
from remediations.library import known
from remediations.library.enable_at_boot import EnableAtBoot
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.library.nginx_host import host, planned
from tests.library.units import unit, with_units

NGINX = "nginx.service"
REASON = "it runs and is disabled, so it would be down after the next boot"


def one(**shown: str) -> Snapshot:
    """A host with nginx only."""
    return with_units(host(""), unit(NGINX, **shown))


def plan(snapshot: Snapshot, **parameters: object) -> Proposal:
    return build(EnableAtBoot, parameters, "test").plan(snapshot, ())


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["enable-at-boot"] is EnableAtBoot


def test_a_service_that_runs_and_is_disabled_is_enabled() -> None:
    said = plan(one(UnitFileState="disabled"))
    assert said == Proposal(actions=(UnitAction("enable-at-boot", NGINX, "enable", REASON),))
    assert make(one(UnitFileState="disabled"), (), [EnableAtBoot()]).reversible


def test_it_stands_beside_a_reload_of_the_same_unit() -> None:
    class Reloads(EnableAtBoot):
        def plan(self, snapshot: Snapshot, findings: object) -> Proposal:  # noqa: ARG002 - a stand-in
            return Proposal(actions=(UnitAction("x", NGINX, "reload", ""),))

    for order in ([Reloads(), EnableAtBoot()], [EnableAtBoot(), Reloads()]):
        said = planned(one(UnitFileState="disabled"), order)
        assert [act.action for act in said.actions] == ["reload", "enable"]


@pytest.mark.parametrize("state", ["enabled", "alias"])
def test_a_healthy_or_already_enabled_service_is_left_alone(state: str) -> None:
    assert plan(one(UnitFileState=state)) == Proposal()
    assert plan(one(UnitFileState=state), units=["nginx"]) == Proposal()


def test_a_service_that_does_not_run_is_left_alone_and_told_only_where_it_is_named() -> None:
    down = one(UnitFileState="disabled", ActiveState="inactive", SubState="dead")
    assert plan(down) == Proposal()
    assert "does not run (inactive)" in plan(down, units=["nginx"]).refusals[0]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("static", "has no [Install]"),
        ("indirect", "Also="),
        ("generated", "init script"),
        ("transient", "gone once it has ended"),
        ("enabled-runtime", "until the next boot only"),
        ("masked-runtime", "systemctl unmask"),
        ("linked", "cannot be enabled"),
    ],
)
def test_what_cannot_be_enabled_is_refused_with_the_reason(state: str, why: str) -> None:
    said = plan(one(UnitFileState=state))
    assert (said.actions, why in said.refusals[0]) == ((), True)


def test_a_unit_that_is_not_there_is_refused_by_its_name() -> None:
    assert plan(one(), units=["nosuch"]).refusals == ("nosuch: no such service is loaded or enabled here",)


def test_without_systemd_nothing_is_enabled() -> None:
    said = plan(replace(one(), units=Unknown("systemd is not running")))
    assert said == Proposal(refusals=("nothing can be enabled: units are unknown (systemd is not running)",))
