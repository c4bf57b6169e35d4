"""Whether a journey went as its scenario says: everything that did not, in words."""

from __future__ import annotations

from collections.abc import Iterator

from tests.scenarios.journey import Found, Journey, Ran
from tests.scenarios.scenario import Scenario

SURE = ("certain", "likely")


def misses(scenario: Scenario, seen: Journey) -> tuple[str, ...]:
    """Empty where all went as it should."""
    diagnosed = (*_diagnosis(scenario, seen.found), *_advice(scenario, seen.found))
    if scenario.recorded:
        return diagnosed
    assert seen.ran is not None
    return (*diagnosed, *_dry_run(scenario, seen), *_run(scenario, seen, seen.ran), *_second(scenario, seen))


def _diagnosis(scenario: Scenario, found: tuple[Found, ...]) -> Iterator[str]:
    named = [one.named for one in found]
    if named != scenario.named:
        yield f"named {named}, not {scenario.named}"
    for one in found:
        if not one.evidence:
            yield f"{one.named}: no evidence"
    if scenario.sure and found and found[0].confidence not in SURE:
        yield f"{found[0].named}: {found[0].confidence}"


def _advice(scenario: Scenario, found: tuple[Found, ...]) -> Iterator[str]:
    """What a report shows: the summary, the advice and the lines that it rests on."""
    told = " ".join(f"{one.told} {one.evidence}" for one in found)
    for words in scenario.refused:
        if words not in told:
            yield f"the advice does not say {words!r}: {told}"


def _dry_run(scenario: Scenario, seen: Journey) -> Iterator[str]:
    if seen.touched:
        yield f"diagnosis and dry run touched {list(seen.touched[:6])}"
    if seen.planned != scenario.cured:
        yield f"planned {list(seen.planned)}, not {list(scenario.cured)}"


def _run(scenario: Scenario, seen: Journey, ran: Ran) -> Iterator[str]:
    """A site that answers although something is wrong makes no failure of what is left to a person."""
    expected = {
        "cured": (0, "changed"),
        "partly": (3, "failed"),
        "refused": _left(scenario) if seen.bad else (0, "ok"),
        "healthy": (0, "ok"),
    }[scenario.kind]
    if (ran.exit_code, ran.status) != expected:
        yield f"remediate ended {ran.exit_code} {ran.status}, not {expected}: {ran.told}"
    if ran.acts != (scenario.cured[: len(ran.acts)] if scenario.kind == "partly" and ran.acts else scenario.cured):
        yield f"did {list(ran.acts)}, not {list(scenario.cured)}"
    if ran.bad and scenario.kind in ("cured", "healthy"):
        yield f"still bad: {', '.join(ran.bad)}"
    if set(ran.bad) - set(seen.bad):
        yield f"broken by remediate: {', '.join(set(ran.bad) - set(seen.bad))}"


def _left(scenario: Scenario) -> tuple[int, str]:
    return 3, "undiagnosed" if scenario.named[0][0] == "unknown" else "failed"


def _second(scenario: Scenario, seen: Journey) -> Iterator[str]:
    if seen.again is None:
        return
    if seen.again.acts != scenario.again:
        yield f"the second run did {list(seen.again.acts)}"
    if seen.again.status != ("failed" if seen.again.bad else "ok"):
        yield f"the second run ended {seen.again.status}: {seen.again.told}"
