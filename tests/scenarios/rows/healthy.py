"""Sound hosts that frighten: nothing is to be found there, and nothing to be done."""

from __future__ import annotations

from tests.lab import old_logs as past
from tests.scenarios.scenario import Scenario

ROWS = (
    Scenario("sound, an outage is just over", past.outage_over),
    Scenario("sound, the code that crashed is mended", past.crashing_code_mended),
    Scenario("sound, bots and clients that hang up", past.bots),
    Scenario("sound, the code speaks like a daemon", past.talkative_code),
    Scenario("sound, too big headers ten minutes ago", past.ten_minutes_ago),
    Scenario("sound, systemd had given up an hour ago", past.given_up_an_hour_ago),
    Scenario("sound, a backup fails", past.backup_failed),
    Scenario("sound, a tenant in maintenance", past.tenant_in_maintenance),
)
