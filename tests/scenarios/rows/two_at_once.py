"""Two faults at once: all of it is found, in the order of cause, and what can be cured is."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.faults import FAULTS
from tests.lab.host import LabHost
from tests.scenarios.rows.services import FPM, START_APPS, START_FPM
from tests.scenarios.scenario import Scenario


def both(*names: str) -> Callable[[LabHost], None]:
    """These faults, one after the other."""

    def breaks(host: LabHost) -> None:
        for name in names:
            FAULTS[name](host)

    return breaks


ROWS = (
    Scenario(
        "service-crashed and apps-stopped",
        both("apps-stopped", "service-crashed"),
        ("service-crashed", FPM),
        also=(("service-stopped", "app@8001.service"), ("service-stopped", "app@8002.service")),
        cured=(*START_APPS[:2], *START_FPM, START_APPS[2]),
    ),
    Scenario(
        "service-crashed and address-mismatch",
        both("address-mismatch", "service-crashed"),
        ("service-crashed", FPM),
        also=(("address-mismatch", "127.0.0.1:8001"), ("address-mismatch", "127.0.0.1:8002")),
        cured=START_FPM,
        refused=("[::1]:8001",),
    ),
)
