"""Watching hosts: a line where something changes, until somebody has seen enough or the time is over."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from remediations import interrupts, masking, terminal
from remediations.errors import UsageError
from remediations.fleet import Fleet, Interrupted
from remediations.journeys.watch import Watching
from remediations.report.style import Style, style_for
from remediations.request import Request
from remediations.result import HostResult, worst
from remediations.runner import Journey

MOST_HOSTS = 128
Event = Literal["first", "change", "last"]


@dataclass(frozen=True)
class State:
    """What is compared from look to look: whether the site is good, what it answers, and what is wrong."""

    status: str
    ok: bool | None
    http: int | None
    layer: str | None
    findings: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, result: HostResult) -> State:
        health = result.before
        named = tuple((finding.cause, masking.defused(finding.subject)) for finding in result.findings)
        if health is None:
            return cls(result.status, None, None, None, named)
        return cls(result.status, health.ok, health.status if health.ok is False else None, health.layer, named)

    @property
    def words(self) -> str:
        """`ok`, `502 service-crashed php8.2-fpm.service`, `unreachable`."""
        site = {True: "ok", False: str(self.http or "no answer"), None: "unknown"}[self.ok]
        first = " ".join(self.findings[0]) if self.findings else ""
        more = f" and {len(self.findings) - 1} more" if len(self.findings) > 1 else ""
        known = "unreachable" if self.status == "unreachable" else site
        return f"{known}{',' if self.ok and first else ''} {first}{more}".rstrip()

    @property
    def exit_code(self) -> int:
        if self.status == "unreachable":
            return 4
        return 0 if self.ok else 3

    @property
    def data(self) -> dict[str, Any]:
        found = [{"cause": cause, "subject": subject} for cause, subject in self.findings]
        return {"status": self.status, "ok": self.ok, "http": self.http, "layer": self.layer, "findings": found}


@dataclass
class Watch:
    """What was last told of each host, and how it is told; several threads tell."""

    request: Request
    journeys: Sequence[Watching]
    style: Style
    states: dict[str, State] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, result: HostResult) -> None:
        """A line where this is not what was told before."""
        with self.lock:
            before, after = self.states.get(result.host), State.of(result)
            if after != before:
                self.states[result.host] = after
                self._line(result.host, "change" if before else "first", before, after, _why(result))

    def end(self, host: str, looks: int) -> None:
        if state := self.states.get(host):
            self._line(host, "last", state, state, f"after {looks} {'look' if looks == 1 else 'looks'}")

    def _line(self, host: str, event: Event, before: State | None, after: State, why: str) -> None:
        now = datetime.now(UTC)
        form = _json if self.request.format == "json" else self._text
        line = form(now, host, event, before, after, why)
        if not terminal.line(line):  # nobody reads any more
            for journey in self.journeys:
                journey.close()

    def _text(self, now: datetime, host: str, event: Event, before: State | None, after: State, why: str) -> str:
        paint = self.style.green if after.ok else self.style.red
        came = f"{before.words} -> " if before and event == "change" else "still " if event == "last" else ""
        said = masking.text(f"  ({why})").replace("\n", " ") if why else ""
        time = now.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"{time}  {self.style.bold(masking.defused(host))}  {came}{paint(after.words)}{self.style.dim(said)}"


def _json(now: datetime, host: str, event: Event, before: State | None, after: State, why: str) -> str:
    document = {
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": host, "event": event,
        "from": before.data if before else None, "to": after.data, "text": masking.text(why) or None,
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=True)


def watch(request: Request, every: Sequence[Journey]) -> int:
    """Until the time is over, or a signal; the exit code of the last state of the worst host, or 130."""
    journeys = [journey for journey in every if isinstance(journey, Watching)]
    if len(journeys) > MOST_HOSTS:
        raise UsageError(f"watch takes up to {MOST_HOSTS} hosts at a time, and these are {len(journeys)}")
    told = Watch(request, journeys, style_for(sys.stdout, request.environ))
    for journey in journeys:
        journey.told = told.told
    fleet = Fleet(journeys, len(journeys))
    try:
        results, interrupted = fleet.look(), False
    except Interrupted as interruption:
        results, interrupted = interruption.results, True
    fleet.close()
    for journey in journeys:
        told.end(journey.target.name, journey.looks)
    for result in results:
        if result.bug:
            terminal.remark(f"remediate: {result.error}")
    if interrupted:
        return interrupts.EXIT_CODE
    return worst([*(70 for result in results if result.bug), *(state.exit_code for state in told.states.values())])


def _why(result: HostResult) -> str:
    """One line of the host's own: what the site said, or why nothing is known."""
    if result.findings:
        return result.findings[0].summary
    return result.error or (result.before.summary if result.before else "")
