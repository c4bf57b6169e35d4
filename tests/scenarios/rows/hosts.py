"""Hosts of other kinds: other logins, other shells, no unshare, a second PHP; sound ones, and one fault on each."""

from __future__ import annotations

from tests.lab.faults import FAULTS
from tests.lab.host import LabHost
from tests.scenarios.rows.services import FPM, START_FPM
from tests.scenarios.scenario import SITES, Scenario

KINDS = ("python", "sudo-user", "no-unshare", "two-php", "fish,noisy")
LEGACY = {**SITES, "legacy.example": "ok from php"}


def nothing(host: LabHost) -> None:
    """The host is as it was booted."""


def _sites(kind: str) -> dict[str, str]:
    return LEGACY if kind == "two-php" else dict(SITES)


ROWS = (
    Scenario("sound", nothing),
    *(Scenario(f"sound, {kind}", nothing, variant=kind, sites=_sites(kind)) for kind in KINDS),
    *(
        Scenario(
            f"service-crashed, {kind}",
            FAULTS["service-crashed"],
            ("service-crashed", FPM),
            cured=START_FPM,
            variant=kind,
            sites=_sites(kind),
        )
        for kind in KINDS
    ),
)
