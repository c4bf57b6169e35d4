"""Services that do not run: stopped, crashed, given up, disabled."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.lab.host import LabHost
from tests.scenarios.scenario import Scenario

FPM = "php8.2-fpm.service"
START_FPM = (("start", FPM),)
START_APPS = (("start", "app@8001.service"), ("start", "app@8002.service"), ("reload", "nginx.service"))


def disabled(host: LabHost) -> None:
    host.sh("systemctl stop php8.2-fpm; systemctl disable php8.2-fpm")


ROWS = (
    Scenario("service-stopped", FAULTS["service-stopped"], ("service-stopped", FPM), cured=START_FPM),
    Scenario("service-crashed", FAULTS["service-crashed"], ("service-crashed", FPM), cured=START_FPM),
    Scenario("start-limit-hit", FAULTS["start-limit-hit"], ("start-limit-hit", FPM), cured=START_FPM),
    Scenario("crash-loop", FAULTS["crash-loop"], ("start-limit-hit", FPM), cured=START_FPM),
    Scenario("socket-deleted", FAULTS["socket-deleted"], ("socket-deleted", FPM), cured=(("restart", FPM),)),
    Scenario(
        "apps-stopped",
        FAULTS["apps-stopped"],
        ("service-stopped", "app@8001.service"),
        also=(("service-stopped", "app@8002.service"),),
        cured=START_APPS,
    ),
    Scenario(
        "app-8001-stopped",
        FAULTS["app-8001-stopped"],
        ("service-stopped", "app@8001.service"),
        cured=(("start", "app@8001.service"),),
    ),
    Scenario(
        "app-8002-stopped",
        FAULTS["app-8002-stopped"],
        ("service-stopped", "app@8002.service"),
        cured=(("start", "app@8002.service"),),
    ),
    Scenario("service-disabled", disabled, ("service-stopped", FPM), refused=("is disabled",)),
)
