"""A vigil: one host is looked at, asked again and again for a while, and looked at once more."""

from __future__ import annotations

import time
from collections.abc import Callable

from remediations import health, steadiness
from remediations.connections.base import Shell
from remediations.facts import http, vitals
from remediations.facts.base import Unknown
from remediations.first_facts import ask
from remediations.host import topology
from remediations.snapshot import Snapshot
from remediations.steadiness import Round, Window

MOST_PAUSE = 5.0


def keep(shell: Shell, before: Snapshot, seconds: float, look: Callable[[], Snapshot]) -> Window:
    """At least five rounds over that time, one every five seconds at least; the first bad one ends it.

    `look` gathers once more in the end, so that what the logs say of the time between is known.
    """
    pause, begun = min(MOST_PAUSE, seconds / (steadiness.GOOD_ANSWERS - 1)), time.monotonic()
    rounds: list[Round] = []
    while True:
        rounds.append(_round(shell, before, time.monotonic() - begun))
        elapsed = time.monotonic() - begun
        if _bad(before, rounds[-1]) or (elapsed >= seconds and len(rounds) >= steadiness.GOOD_ANSWERS):
            break
        time.sleep(max(0.0, len(rounds) * pause - elapsed))
    return Window(before, tuple(rounds), look(), time.monotonic() - begun)


def _round(shell: Shell, before: Snapshot, at: float) -> Round:
    signs, site = vitals.fact(topology.web_units(before)), http.fact(steadiness.unlimited(before))
    answers = ask(shell, [signs], [site])
    return Round(at, site.read(answers.get(site.name)), signs.read(answers.get(signs.name)))


def _bad(before: Snapshot, one: Round) -> bool:
    answers = () if isinstance(one.answers, Unknown) else one.answers
    signs = {} if isinstance(one.vitals, Unknown) else one.vitals
    changed = (steadiness.changes(unit, signs[unit.name]) for unit in topology.web_units(before) if unit.name in signs)
    return any(health.complaint(answer) for answer in answers) or any(next(each, None) for each in changed)
