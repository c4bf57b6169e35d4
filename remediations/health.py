"""Health: whether a site's answers are good, and who made a bad one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, HttpAnswers, Probe
from remediations.layer import Layer, maker

BAD_GATEWAY = (502, 504)
"""What no server but one with a dead backend answers, even one that nginx takes for another."""

NOTHING_TO_ASK = (
    "no question follows from the nginx configuration, since every server in it refuses by design or cannot be asked: "
    "name one, such as health: {url: http://localhost/, host: example.com}"
)


@dataclass(frozen=True)
class Health:
    """`ok` is None where it could not be asked (`summary` says why); `layer` names who made a bad answer."""

    ok: bool | None
    status: int | None
    layer: Layer | None
    summary: str
    answers: HttpAnswers = ()


def rounds(probes: Sequence[Probe], answers: int) -> list[Probe]:
    """All probes, so often that there are that many answers; those under a limit_req once, or we would exceed it."""
    if not probes:
        return []
    free = [probe for probe in probes if probe.limit is None]
    return [*probes, *(free * (-(-answers // len(probes)) - 1))]


def judge(answers: HttpAnswers | Unknown, unasked: int = 0) -> Health:
    """Bad if one answer is bad; the first bad one speaks for the site. `unasked` questions had no room."""
    if isinstance(answers, Unknown):
        return Health(None, None, None, answers.reason)
    if not answers:
        return Health(None, None, None, NOTHING_TO_ASK)
    asked = len({answer.probe for answer in answers})
    capped = f"; {asked} of {asked + unasked} questions asked" if unasked else ""
    bad = next((answer for answer in answers if complaint(answer)), None)
    if bad:
        return Health(False, bad.status, layer(bad), f"{bad.probe.url}: {complaint(bad)}{capped}", answers)
    first = next((answer for answer in answers if not (over_limit(answer) or switched_off(answer))), answers[0])
    also = f", and {asked - 1} more" if asked > 1 else ""
    summary = f"{first.probe.url}: {first.status or first.failure}{also}{_leniency(answers)}{capped}"
    return Health(True, first.status, None, summary, answers)


def _leniency(answers: HttpAnswers) -> str:
    """What was not counted, so that nobody takes it for a good answer."""
    limited = {answer.probe: answer.status for answer in answers if over_limit(answer)}
    off = {answer.probe: answer.status for answer in answers if switched_off(answer)}
    unread = {answer.probe for answer in answers if not answer.probe.live}
    said = f"; {len(limited)} held back by a limit_req ({_statuses(limited)})" if limited else ""
    said += f"; {len(off)} switched off by an `if` of nginx's configuration ({_statuses(off)})" if off else ""
    return said + (f"; {len(unread)} of sites whose files nginx has not read since they changed" if unread else "")


def _statuses(answers: Mapping[Probe, int | None]) -> str:
    return "/".join(str(status) for status in sorted({status or 0 for status in answers.values()}))


def switched_off(answer: HttpAnswer) -> bool:
    """Whether nginx itself refuses here since its configuration has it so for as long as an `if` holds."""
    wanted = answer.probe.switched_off
    return wanted is not None and answer.status == wanted and layer(answer) == "nginx"


def over_limit(answer: HttpAnswer) -> bool:
    """The status that the limit_req there gives to whom it holds back: this says nothing about the site."""
    return answer.status is not None and answer.status == answer.probe.limit


def complaint(answer: HttpAnswer) -> str | None:
    """Why this answer is not good, or None."""
    probe, status = answer.probe, answer.status
    if not probe.live and status not in BAD_GATEWAY:
        return None  # another server may have answered in its place
    if status is None:
        return answer.failure or "no answer"
    if probe.derived and status >= 500 and not (over_limit(answer) or switched_off(answer)):
        return f"status {status}"
    if not probe.derived and not any(low <= status <= high for low, high in probe.status):
        return f"status {status}"
    if status == 200 and answer.size == 0:
        return "status 200 with an empty body"
    if answer.cut:
        return f"status {status}, but its body is cut short"
    if lacks_text(answer):
        return f"status {status}, but the body does not contain {probe.contains!r}"
    return None


def lacks_text(answer: HttpAnswer) -> bool:
    """An answer without the text that it should contain; one of a limit_req has nothing to do with it."""
    return bool(answer.probe.contains) and not answer.contains and not over_limit(answer)


def layer(answer: HttpAnswer) -> Layer:
    """Who made this answer."""
    return maker(answer.status, answer.head, answer.body)
