"""What begins at a boot, and processes that are ended: on a real host, forward and all the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from remediations.changes.unit import UnitAction
from remediations.facts.base import Unknown
from tests.command_line import CommandLine
from tests.eye import end_of
from tests.lab import unit_faults
from tests.lab.host import LabHost
from tests.on_host import NGINX, OnHost, on

APP = "app@8001.service"
LINKS = "cd /etc/systemd/system && find . -type l -o -type d | sort | while read -r l; do echo $l $(readlink $l); done"


def links(host: LabHost) -> list[str]:
    return host.sh(LINKS).decode().splitlines()


def state(host: LabHost, unit: str) -> str:
    return host.sh(f"systemctl show -p UnitFileState --value {unit}").decode().strip()


def test_links_of_a_run_that_is_not_confirmed_are_taken_back_whoever_ends_it(web1: LabHost) -> None:
    web1.sh(f"systemctl disable -q {NGINX} {APP} && rmdir /etc/systemd/system/multi-user.target.wants || true")
    before = links(web1)
    with on(web1) as at:
        transaction = at.transaction(at.act("enable", NGINX), at.act("enable", APP))
        assert transaction.begin().did("acted") == (f"enable {NGINX}", f"enable {APP}")
        assert (state(web1, NGINX), state(web1, APP)) == ("enabled", "enabled")
        assert transaction.undo().state == "rolled_back"
        assert (links(web1), state(web1, NGINX)) == (before, "disabled")
        transaction = at.transaction(at.act("enable", NGINX))
        assert transaction.begin().state == "await"
        web1.sh(f"kill -9 $(systemctl show -p MainPID --value remediate-{transaction.run})")
        assert end_of(web1, transaction.run) == "ROLLED_BACK"
        assert (links(web1), state(web1, NGINX)) == (before, "disabled")


def test_a_boot_in_the_middle_takes_the_links_back(web1: LabHost) -> None:
    web1.sh(f"systemctl disable -q {APP}")
    before = links(web1)
    with on(web1) as at:
        transaction = at.transaction(at.act("enable", APP))
        assert transaction.begin().state == "await"
    web1.crash_and_reboot()
    assert end_of(web1, transaction.run) == "ROLLED_BACK"
    assert (links(web1), state(web1, APP)) == (before, "disabled")


def test_a_unit_that_takes_others_along_is_left_to_a_person(web1: LabHost) -> None:
    web1.write("/etc/systemd/system/both.service", b"[Service]\nExecStart=/bin/true\n[Install]\nAlso=nginx.service\n")
    web1.sh(f"systemctl daemon-reload; systemctl disable -q {NGINX}")
    with on(web1) as at:
        outcome = at.begin(at.act("enable", "both.service"))
    assert (outcome.state, "Also=" in str(outcome.failure)) == ("rolled_back", True)
    assert state(web1, NGINX) == "disabled"


def orphan_of(at: OnHost, port: int) -> UnitAction:
    """The act that ends who listens there."""
    snapshot = at.snapshot
    assert not isinstance(snapshot.sockets, Unknown)
    assert not isinstance(snapshot.owners, Unknown)
    (pid,) = next(one.pids for one in snapshot.sockets if one.port == port)
    owner = snapshot.owners[pid]
    return UnitAction("by-hand", "", "end", "", pid, identity=f"{owner.ticks} 33 {owner.program}")


def test_a_process_that_is_not_the_one_that_was_looked_at_gets_no_signal(web1: LabHost) -> None:
    unit_faults.port_orphan(web1)
    with on(web1) as at:
        right = orphan_of(at, 8001)
        ticks, uid, program = right.identity.split(" ")
        for wrong in (f"{int(ticks) + 1} {uid} {program}", f"{ticks} 0 {program}", f"{ticks} {uid} /usr/bin/node"):
            outcome = at.begin(replace(right, identity=wrong), at.act("start", APP))
            assert (outcome.did("acted"), outcome.did("signalled")) == ((), ())
            assert "not the process any more" in str(outcome.failure)
        assert web1.sh(f"kill -0 {right.pid} && echo alive") == b"alive\n"
        web1.sh(f"kill -STOP {right.pid}")  # a TERM does not reach it: only a KILL does
        done = at.commit(right, at.act("start", APP))
        assert done.did("signalled") == (f"TERM pid {right.pid}", f"KILL pid {right.pid}")
        assert done.did("acted") == (f"end pid {right.pid}", f"start {APP}")


def test_an_orphan_is_ended_only_where_somebody_says_so(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    unit_faults.port_orphan(web1)
    refused = command.remediate()
    assert (refused.exit_code, refused.host["status"], refused.host["changes"]) == (3, "failed", [])
    assert "--host web1 --allow end-orphan" in refused.host["warnings"][0]
    assert web1.get("api.example").status == 502
    done = command.remediate("--allow", "end-orphan")
    assert [one["action"] for one in done.host["changes"]] == ["end", "end", "start", "start"]
    assert (done.exit_code, web1.get("api.example").status) == (0, 200)
    again = command.remediate("--allow", "end-orphan")
    assert (again.host["status"], again.host["changes"]) == ("ok", [])


def test_what_was_enabled_is_disabled_by_an_undo_and_enabled_by_the_undo_of_that(web1: LabHost, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    command.knows(web1)
    web1.sh(f"systemctl disable -q {APP}")
    done = command.remediate("--only", "enable-at-boot")
    assert [(one["action"], one["target"]) for one in done.host["changes"]] == [("enable", APP)]
    assert state(web1, APP) == "enabled"
    assert command.remediate("--only", "enable-at-boot").host["changes"] == []
    undone = command.json("undo", "--host", "web1", "--yes")
    assert [(one["action"], one["target"]) for one in undone.host["changes"]] == [("disable", APP)]
    assert state(web1, APP) == "disabled"
    command.json("undo", "--host", "web1", "--yes", "--run", undone.document["run"])
    assert state(web1, APP) == "enabled"
