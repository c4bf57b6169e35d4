"""The report as somebody reads it at three in the morning: short, aligned, the root cause first."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace

import pytest

from remediations.report.style import Style, style_for
from remediations.report.text import render
from tests.report.results import RESULTS

PLAIN = Style(False)


def lines(name: str, *, dry_run: bool = False) -> list[str]:
    return render([RESULTS[name]], PLAIN, dry_run=dry_run).splitlines()


def test_a_dry_run_reads_from_the_cause_to_the_plan() -> None:
    assert lines("planned", dry_run=True) == [
        "web1  would change",
        "  site    bad: http://shop.example/: status 502, answered by nginx",
        "  cause   service-stopped: it was stopped (certain)",
        "          journal:php8.2-fpm.service  Stopped PHP\\x1b[2J",
        "          cure: restart-service",
        "          Find out who.",
        "  also    config-invalid: typo (certain)",
        "          file:/etc/nginx/x  x 1;",
        "          Fix it.",
        "  tune-max-children  40 = 2000 / 50",
        "  would   edit /etc/nginx/api (upstream-max-fails, limit-req)",
        "    --- /etc/nginx/api",
        "    +++ /etc/nginx/api",
        "    @@ -1 +1 @@",
        "    -a",
        "    +b",
        "  would   start php8.2-fpm.service: it is inactive (restart-service)",
        "  proof   nginx -t accepts it",
        "  warning careful",
        "  plan    0123456789abcdef  (apply exactly this one: --plan 0123456789abcdef)",
    ]


def test_a_change_ends_with_the_command_that_takes_it_back() -> None:
    done = lines("changed")
    assert done[0] == "web1  changed, healthy"
    assert "  did     start php8.2-fpm.service: it is inactive (restart-service)" in done
    assert done[-3:] == [
        "  after   good: http://shop.example/: 200",
        "  undo    invoke undo --host web1 --run 20261122T130500Z-7f3a9c",
        "  or      ssh web1 <undo",
    ]


def test_every_command_that_it_advises_names_the_inventory_that_was_used() -> None:
    result = replace(
        RESULTS["changed"],
        error="web1: it has not ended; try: invoke recover --host web1",
        warnings=("as asked: invoke undo --host web1 --run 20261122T130500Z-7f3a9c",),
    )
    told = render([result], PLAIN, dry_run=False, inventory="my hosts.yml").splitlines()
    commands = [line for line in told if "invoke " in line]
    assert len(commands) == 3
    assert all("--host web1 --inventory 'my hosts.yml'" in line for line in commands), commands
    plain = render([result], PLAIN, dry_run=False)
    assert "--inventory" not in plain
    assert "try: invoke recover --host web1\n" in plain


def test_the_command_that_allows_a_cure_can_be_typed_as_it_stands() -> None:
    orphan = replace(
        RESULTS["diagnosed"].findings[0], advice="Ask; then: invoke remediate --host web1 --allow end-orphan."
    )
    told = render([replace(RESULTS["failed"], findings=(orphan,))], PLAIN, dry_run=False, inventory="mine.yml")
    assert "then: invoke remediate --host web1 --inventory mine.yml --allow end-orphan." in told


def test_what_was_put_back_is_not_shown_as_done() -> None:
    told = lines("rolled_back")
    assert "  undid   edit /etc/nginx/api (upstream-max-fails, limit-req)" in told
    assert not any(line.startswith("  did") for line in told)
    assert told[-1] == "  error   web1: still bad"


def test_a_site_that_was_not_asked_again_after_a_change_is_not_called_bad() -> None:
    half = replace(RESULTS["failed"], changes=RESULTS["changed"].changes, error="web1: app@8002.service is not up")
    assert render([half], PLAIN, dry_run=False).startswith("web1  failed\n")
    assert lines("failed")[0] == "web1  still bad"
    assert render([replace(half, after=half.before)], PLAIN, dry_run=False).startswith("web1  still bad\n")


def test_several_hosts_end_with_a_line_each_in_columns() -> None:
    longer = replace(RESULTS["unreachable"], host="web-of-the-north")
    assert render([RESULTS["changed"], longer], PLAIN, dry_run=False).split("\n\n")[-1].splitlines() == [
        "web1              changed, healthy: service-stopped php8.2-fpm.service",
        "web-of-the-north  could not be reached",
    ]


@pytest.mark.parametrize("name", RESULTS)
def test_labels_stand_in_one_column_and_nothing_commands_the_terminal(name: str) -> None:
    for line in lines(name)[1:]:
        label = re.match(r"  (\w+) *", line)
        assert label is None or label[1].startswith("tune") or label.end() == 10, line
        assert "\x1b" not in line


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True),
        ({"NO_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_environment(
    environ: dict[str, str], coloured: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    assert style_for(sys.stdout, environ).colour is coloured


def test_a_diagnosis_says_how_long_it_took_and_how_much_of_it_the_host() -> None:
    result = dataclasses.replace(RESULTS["diagnosed"], seconds={"connect": 0.2, "gather": 1.0, "shell": 0.74})
    assert render([result], PLAIN, dry_run=False, timed=True).splitlines()[-1] == (
        "  took    0.7 s of the host's shell"
    )
    assert "took" not in render([result], PLAIN, dry_run=False)


def test_a_plan_that_is_refused_is_not_offered_for_an_apply() -> None:
    refused = dataclasses.replace(RESULTS["planned"], status="refused")
    told = [render([result], PLAIN, dry_run=True) for result in (RESULTS["planned"], refused)]
    assert ["--plan 0123" in text for text in told] == [True, False]
