"""The flap guard on real hosts: the fourth restart is refused, whoever asks for it, and nothing is touched then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import Answer, CommandLine
from tests.lab import faults
from tests.lab.host import LabHost
from tests.on_host import FPM, NGINX, files_of, on
from tests.patience import eventually

RESTARTS = "/var/lib/remediate/restarts"
RAISED = ("--set", "restart-service.most_in_15_minutes=4")
NGINX_RESTARTED = (
    "--only", "restart-service", "--set", "restart-service.services=nginx", "--set", "restart-service.state=restarted",
)  # fmt: skip


class Hurried(CommandLine):
    """A unit need not stay up for as long as an operator would have it."""

    def remediate(self, *words: str) -> Answer:
        return super().remediate("--settle", "1", *words)


@pytest.fixture
def users(web1: LabHost, tmp_path: Path) -> tuple[CommandLine, CommandLine]:
    """Alice and Bob, each with a state folder of their own; they share nothing but the host."""
    both = tuple(Hurried(tmp_path / name, {"LOGNAME": name}) for name in ("alice", "bob"))
    for each in both:
        each.folder.mkdir()
        each.knows(web1)
    alice, bob = both
    return alice, bob


def untouched(host: LabHost, unit: str) -> list[str]:
    """All that a run could leave: files, our journal, and what systemd has last done with the unit."""
    shown = host.sh(f"systemctl show -p InvocationID,ActiveState,MainPID,StateChangeTimestampMonotonic {unit}").decode()
    return [*files_of(host, "/etc", "/var/lib/remediate"), *shown.splitlines()]


def history_holds(text: str, *runs: tuple[str, Answer]) -> bool:
    return all(f"by {who} (run {answer.document['run']})" in text for who, answer in runs)


def test_a_unit_that_crashes_again_and_again_is_started_three_times_by_whomever(
    web1: LabHost, users: tuple[CommandLine, CommandLine]
) -> None:
    alice, bob = users
    runs = []
    for who, user in (("alice", alice), ("bob", bob), ("alice", alice)):
        faults.service_crashed(web1)
        runs.append((who, user.remediate()))
        assert runs[-1][1].host["status"] == "changed", runs[-1]
    faults.service_crashed(web1)
    before = untouched(web1, FPM)

    for fourth in (bob.dry_run(), bob.remediate(), alice.remediate("--only", "restart-service")):
        host = fourth.host
        assert (fourth.exit_code, host["status"], host["changes"], host["plan"]) == (3, "failed", [], None)
        (refused,) = host["warnings"]
        assert refused.startswith(f"refused: restart-service: {FPM} is not started or restarted again")
        assert history_holds(refused, *runs)
        assert "a person must look" in refused
        assert host["findings"][0]["cause"] == "service-crashed"
        assert "started or restarted 3 times in the last 15 minutes" in host["findings"][0]["advice"]
    assert "a person must look" in bob("remediate", "--host", "web1", "--dry-run").stdout
    assert untouched(web1, FPM) == before

    assert bob.dry_run(*RAISED).host["status"] == "planned"
    raised = bob.remediate(*RAISED)
    assert (raised.exit_code, raised.host["status"]) == (0, "changed")
    assert web1.get("shop.example").status == 200


NEVER_STAYS_UP = b"""[Unit]
StartLimitIntervalSec=0
[Service]
Type=simple
ExecStart=
ExecStart=/bin/sh -c 'sleep 0.4; exit 1'
ExecStartPost=
Restart=always
RestartSec=100ms
"""


def test_a_unit_that_never_stays_up_is_not_restarted_for_ever(
    web1: LabHost, users: tuple[CommandLine, CommandLine]
) -> None:
    web1.sh(f"mkdir /etc/systemd/system/{FPM}.d")
    web1.write(f"/etc/systemd/system/{FPM}.d/broken.conf", NEVER_STAYS_UP)
    web1.sh(f"systemctl daemon-reload; systemctl restart {FPM}")
    eventually(lambda: int(web1.sh(f"systemctl show -p NRestarts --value {FPM}")) > 1)
    for number, user in enumerate((*users, *users), 1):
        done = user.remediate()
        assert (done.host["status"], done.exit_code) == ("failed", 3), done.stdout
        assert done.host["findings"][0]["cause"] == "service-flapping"
        assert any("a person must look" in warning for warning in done.host["warnings"]) is (number == 4)
        assert ("did not stay up" in str(done.host["error"])) is (number < 4)
        assert web1.read(RESTARTS).count(b"\n") == min(number, 3)


def test_a_restart_that_was_asked_for_is_refused_and_a_reload_is_not(
    web1: LabHost, users: tuple[CommandLine, CommandLine]
) -> None:
    alice, bob = users
    runs = [(who, user.remediate(*NGINX_RESTARTED)) for who, user in (("bob", bob), ("alice", alice), ("bob", bob))]
    assert [run.host["status"] for _, run in runs] == ["changed"] * 3
    before = untouched(web1, NGINX)

    for fourth in (alice.dry_run(*NGINX_RESTARTED), alice.remediate(*NGINX_RESTARTED)):
        host = fourth.host
        assert (fourth.exit_code, host["status"], host["changes"]) == (3, "refused", [])
        assert host["error"].startswith(f"web1: {NGINX} is not started or restarted again")
        assert host["error"].endswith("nothing was changed")
        assert history_holds(host["error"], *runs)
    assert untouched(web1, NGINX) == before

    assert alice.dry_run(*NGINX_RESTARTED, *RAISED).host["changes"][0]["action"] == "restart"
    reloaded = (*NGINX_RESTARTED[:-1], "restart-service.state=reloaded")
    assert alice.remediate(*reloaded).host["changes"][0]["action"] == "reload"
    wrong = alice.remediate(*NGINX_RESTARTED, "--set", "restart-service.most_in_15_minutes=6")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "raise both" in wrong.stderr


@pytest.mark.parametrize("seconds", [-60, 3600], ids=["a-minute-ago", "in-the-future"])
def test_who_comes_second_is_refused_by_the_host_itself(web1: LabHost, seconds: int) -> None:
    """The plan knew nothing of what somebody else has had restarted meanwhile."""
    with on(web1) as at:
        line = f"$(($(date +%s) + {seconds})) {NGINX} restart 20261122T130500Z-000001 bob"
        web1.sh(f"mkdir -p -m 700 /var/lib/remediate; for n in 1 2 3; do echo {line}; done >{RESTARTS}")
        before = [line for line in untouched(web1, NGINX) if "/txn" not in line and "/lock" not in line]
        outcome = at.begin(at.act("restart", NGINX))
        assert outcome.state == "refused", outcome
        assert "3 in 15 minutes, 3 in an hour" in str(outcome.failure)
        assert "by bob (run 20261122T130500Z-000001)" in str(outcome.failure)
        assert web1.read(RESTARTS).count(b"\n") == 3
        assert {line for line in before if "|d|" not in line} <= set(untouched(web1, NGINX))
        assert at.commit(at.act("reload", NGINX)).state == "committed"
