"""The journey through a scenario, over SSH and by the command line: diagnose, dry run, remediate, remediate again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediations import diagnosis
from remediations.findings import Finding
from tests.command_line import Answer, CommandLine
from tests.lab.host import LabHost
from tests.scenarios.scenario import Act, Named, Scenario
from tests.scenarios.untouched import state_of


@dataclass(frozen=True)
class Found:
    """A finding as the command line told it."""

    named: Named
    confidence: str
    evidence: str
    told: str


@dataclass(frozen=True)
class Ran:
    """How one run of `remediate` ended, and which sites did not answer with their own page afterwards."""

    exit_code: int
    status: str
    acts: tuple[Act, ...]
    bad: tuple[str, ...]
    told: str


@dataclass(frozen=True)
class Journey:
    """What was seen on the way; `touched` is what diagnosis and dry run changed, `bad` the sites before the cure."""

    found: tuple[Found, ...]
    planned: tuple[Act, ...] = ()
    touched: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    ran: Ran | None = None
    again: Ran | None = None


def travel(host: LabHost, command: CommandLine, scenario: Scenario) -> Journey:
    """Breaks the host and goes all the way; nobody but the toolkit asks the site before it has said what is wrong."""
    assert scenario.breaks is not None
    command.knows(host)
    scenario.breaks(host)
    host.ssh("true")  # one login before, so that what the first one makes is there
    before = state_of(host)
    said = command.json("diagnose", "--host", "web1")
    planned = command.dry_run(*scenario.options)
    touched = tuple(sorted(before ^ state_of(host)))
    bad = _bad(host, scenario.sites)
    patient = command.impatient if scenario.kind == "partly" else command
    ran = _ran(patient, host, scenario)
    again = _ran(patient, host, scenario) if ran.acts else None
    return Journey(_found(said, host.address), _acts(planned), touched, bad, ran, again)


def replay(scenario: Scenario) -> Journey:
    """The diagnosis of what was recorded."""
    assert scenario.recorded is not None
    found = diagnosis.diagnose(scenario.recorded())
    return Journey(
        tuple(
            Found((one.cause, one.subject), one.confidence, _lines(one), f"{one.summary} {one.advice}") for one in found
        )
    )


def _lines(finding: Finding) -> str:
    return "\n".join(f"{each.source} {each.text}" for each in finding.evidence)


def _ran(command: CommandLine, host: LabHost, scenario: Scenario) -> Ran:
    answer = command.remediate("--settle", "1", *scenario.options)
    return Ran(answer.exit_code, answer.host["status"], _acts(answer), _bad(host, scenario.sites), answer.stdout)


def _bad(host: LabHost, sites: Mapping[str, str]) -> tuple[str, ...]:
    """The sites that do not answer 200 with a page of their own."""
    answers = {site: host.get(site) for site in sites}
    return tuple(site for site, one in answers.items() if one.status != 200 or sites[site].encode() not in one.body)


def _acts(answer: Answer) -> tuple[Act, ...]:
    return tuple((change["action"], change["target"]) for change in answer.host["changes"])


def _found(answer: Answer, address: str) -> tuple[Found, ...]:
    """The host's own address is another on every run."""
    findings: list[dict[str, Any]] = answer.host["findings"]
    return tuple(
        Found(
            (one["cause"], one["subject"].replace(address, "ADDRESS")),
            one["confidence"],
            "\n".join(f"{each['source']} {each['text']}" for each in one["evidence"]),
            f"{one['summary']} {one['advice']}",
        )
        for one in findings
    )
