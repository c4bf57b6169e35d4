"""The gate after a deploy, on a real host: what stands passes, what dies in the time that it is watched does not."""

from __future__ import annotations

import threading
from pathlib import Path

from tests import contract
from tests.command_line import CommandLine
from tests.lab.host import LabHost


def test_a_site_that_stands_passes_and_one_whose_app_dies_meanwhile_does_not(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    well = command.json("verify", "--host", "web1", "--for", "3s")
    contract.check(well.document)
    assert (well.exit_code, [check["ok"] for check in well.host["checks"]]) == (0, [True] * 5), well
    killer = threading.Timer(8, lambda: web1.sh("systemctl kill -s KILL app@8001.service"))
    killer.start()
    gone = command.json("verify", "--host", "web1", "--for", "40s")
    killer.join()
    contract.check(gone.document)
    assert (gone.exit_code, gone.host["status"]) == (3, "failed"), gone
    assert gone.host["findings"][0]["subject"] == "app@8001.service"
    assert "app@8001.service is" in next(check["text"] for check in gone.host["checks"] if check["name"] == "units")


def test_a_change_after_which_a_unit_does_not_stand_is_put_back(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    before = web1.read("/etc/nginx/sites-available/api")
    meddle = "until grep -q max_fails /etc/nginx/sites-available/api; do sleep 0.2; done; sleep 9"
    web1.sh(f"systemd-run -q --unit=meddler sh -c '{meddle}; systemctl restart php8.2-fpm'")
    undone = command.remediate("--only", "upstream-max-fails", "--verify", "full")
    contract.check(undone.document)
    assert (undone.exit_code, undone.host["status"]) == (3, "rolled_back"), undone
    assert web1.read("/etc/nginx/sites-available/api") == before
    refused = command.remediate("--only", "upstream-max-fails", "--verify", "full", "--confirm-timeout", "20")
    assert (refused.exit_code, refused.host["status"]) == (3, "refused"), refused
    assert "give it 77 or more" in refused.host["error"]
