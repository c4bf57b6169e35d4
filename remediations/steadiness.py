"""Whether a site has stood: what two looks and the time between them say of units, listeners, answers, logs and memory.

Pure. A check that could not be made is None, with the reason: never good, never bad.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from remediations import health
from remediations.editors import nginx_time
from remediations.editors.nginx_address import Address
from remediations.editors.nginx_upstreams import UpstreamServer, upstreams
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer, HttpAnswers, Probe
from remediations.facts.units import Unit
from remediations.facts.vitals import Vital, Vitals
from remediations.health import Health
from remediations.host import freshness, listening, topology
from remediations.nginx import log
from remediations.nginx.log import Record
from remediations.snapshot import Snapshot

LEAST_SECONDS = 15.0
MOST_SECONDS = 300.0
"""Where nobody says for how long: a fail_timeout of an hour is not waited for."""
GOOD_ANSWERS = 5
_FAIL_TIMEOUT = 10
_MOST_SHOWN = 3

_NOISE = re.compile(
    r"open socket #\d+ left in connection|FastCGI sent in stderr: (?!.*PHP (?:Fatal|Parse) error)", re.S
)
"""What a reload leaves behind, and what PHP remarks on pages that work."""
_FPM = re.compile(
    r"\[[^\]]+\] (?:(?:ALERT|ERROR): |WARNING: .*(?:exited on signal|exited with code [1-9]|execution timed out|"
    r"server reached (?:pm\.)?max_children))"
)
_OOM = re.compile(r"OOM killer|oom-kill|Out of memory")


@dataclass(frozen=True)
class Check:
    """`ok` is None where it could not be looked at; `text` is the evidence."""

    name: str
    ok: bool | None
    text: str


@dataclass(frozen=True)
class Round:
    """What was asked once more, `at` seconds after the first look."""

    at: float
    answers: HttpAnswers | Unknown
    vitals: Vitals | Unknown


@dataclass(frozen=True)
class Window:
    """Two looks at one host and the rounds between them; `seconds` from the first round to the last."""

    before: Snapshot
    rounds: tuple[Round, ...]
    after: Snapshot
    seconds: float

    @property
    def checks(self) -> tuple[Check, ...]:
        """All of them, those that say most of a fault first."""
        return (self._answers, self._units, self._listeners, self._logs, self._memory)

    @cached_property
    def health(self) -> Health:
        """Over all answers: one bad one is enough."""
        return health.judge(self.answers or self.after.answers, self.after.unasked)

    @cached_property
    def answers(self) -> HttpAnswers:
        return tuple(answer for _, answer in self._timed)

    @property
    def _timed(self) -> Iterator[tuple[float, HttpAnswer]]:
        looks = (Round(0.0, self.before.answers, {}), *self.rounds, Round(self.seconds, self.after.answers, {}))
        for each in looks:
            yield from () if isinstance(each.answers, Unknown) else ((each.at, answer) for answer in each.answers)

    @property
    def _answers(self) -> Check:
        if not self.answers:
            return Check("answers", None, self.health.summary)
        bad = next(((at, one) for at, one in self._timed if health.complaint(one)), None)
        if bad:
            return Check("answers", False, f"{bad[1].probe.url}: {health.complaint(bad[1])}, after {bad[0]:.0f} s")
        counts = [self._count(probe) for probe in unlimited(self.before)]
        least = min(counts, default=0)
        text = f"{least} good ones to each of {len(counts)} questions"
        return Check("answers", True if least >= GOOD_ANSWERS else None, text)

    def _count(self, probe: Probe) -> int:
        return sum(answer.probe == probe for answer in self.answers)

    @property
    def _units(self) -> Check:
        known = tuple(one.vitals for one in self.rounds)
        unknown = next((one for one in known if isinstance(one, Unknown)), None)
        units = topology.web_units(self.before)
        if unknown or not units:
            return Check("units", None, unknown.reason if unknown else "no unit of the web is known")
        wrong = list(dict.fromkeys(text for unit in units for text in self._changes(unit)))
        if wrong:
            return Check("units", False, "; ".join(wrong[:_MOST_SHOWN]))
        return Check("units", True, f"{', '.join(unit.name for unit in units)}: up, the same process all the time")

    def _changes(self, unit: Unit) -> Iterator[str]:
        """In order of time; the second look counts, too."""
        after = self.after.unit(unit.name)
        last = after and Vital(after.name, f"{after.active_state}/{after.sub_state}", after.main_pid, after.restarts)
        seen = [last] if last else []
        for vital in (*(vital for each in self.rounds if (vital := _vital(each, unit.name))), *seen):
            yield from changes(unit, vital)
        if not last and not isinstance(self.after.units, Unknown):
            yield f"{unit.name} is not there any more"

    @property
    def _listeners(self) -> Check:
        if isinstance(self.after.sockets, Unknown):
            return Check("listeners", None, self.after.sockets.reason)
        addresses = topology.backend_addresses(self.after)
        wrong = [text for address in addresses if (text := self._unheard(address))]
        if wrong:
            return Check("listeners", False, "; ".join(wrong[:_MOST_SHOWN]))
        return Check("listeners", True, f"at each of {len(addresses)} addresses of this host that nginx passes to")

    def _unheard(self, address: Address) -> str | None:
        if listening.listener(self.after, address) is None:
            return f"nobody listens at {address}, where nginx passes to"
        pool, holders = topology.fpm_of(self.after, address), topology.behind(self.after, address).units
        if pool and pool.fpm.unit and holders and pool.fpm.unit not in holders:
            return f"{', '.join(holders)} listens at {address}, where {pool.fpm.unit} should"
        return None

    @property
    def _logs(self) -> Check:
        logs = self.after.logs
        if isinstance(logs, Unknown) or all(one.missing for one in logs.values()):
            why = logs.reason if isinstance(logs, Unknown) else "no log of nginx or PHP-FPM is there"
            return Check("logs", None, why)
        lines = list(self._said_by_nginx()) + list(self._said_by_php())
        if lines:
            more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
            return Check("logs", False, f"{lines[0]}{more}")
        return Check("logs", True, "no new complaint about a backend")

    def _said_by_nginx(self) -> Iterator[str]:
        seen = {record.text for record in log.records(self.before)}
        for record in log.records(self.after):
            if grave(record) and self._is_new(record.time, record.text in seen):
                yield f"{record.path}: {record.text}"

    def _said_by_php(self) -> Iterator[str]:
        assert not isinstance(self.after.logs, Unknown)
        before = {} if isinstance(self.before.logs, Unknown) else self.before.logs
        for path, one in self.after.logs.items():
            seen = set(before[path].lines) if path in before else set()
            for line in one.lines:
                time = freshness.fpm_time(self.after.machine, line) if _FPM.match(line) else None
                if time is not None and self._is_new(time, line in seen):
                    yield f"{path}: {line}"

    def _is_new(self, time: float, seen: bool) -> bool:
        """A log has no fractions: of the second in which we began only what was not there at the first look is new."""
        began = self.before.machine.now
        return time >= began or (time > began - 1 and not seen)

    @property
    def _memory(self) -> Check:
        lines = [] if isinstance(self.after.journal, Unknown) else self.after.journal
        said = [one for one in lines if one.time >= self.before.machine.now and _OOM.search(one.message)]
        if said:
            return Check("memory", False, f"{said[-1].unit}: {said[-1].message}")
        killed = [unit.name for unit in topology.web_units(self.before) if self._killed(unit.name)]
        if killed:
            return Check("memory", False, f"the kernel killed processes of {', '.join(killed)} for want of memory")
        if isinstance(self.after.journal, Unknown):
            return Check("memory", None, self.after.journal.reason)
        return Check("memory", True, "nothing was killed for want of it")

    def _killed(self, name: str) -> bool:
        counts = [
            vital.oom_kills for each in self.rounds if (vital := _vital(each, name)) and vital.oom_kills is not None
        ]
        return any(later > earlier for earlier, later in itertools.pairwise(counts))


def _vital(each: Round, name: str) -> Vital | None:
    return None if isinstance(each.vitals, Unknown) else each.vitals.get(name)


def changes(unit: Unit, vital: Vital) -> Iterator[str]:
    """What has become of the unit since it was first looked at."""
    if vital.state != "active/running":
        yield f"{unit.name} is {vital.state}"
    elif vital.restarts > unit.restarts:
        yield f"{unit.name} was restarted by systemd ({vital.restarts - unit.restarts} times)"
    elif vital.main_pid != unit.main_pid:
        yield f"{unit.name} has another main process ({vital.main_pid} instead of {unit.main_pid})"


def grave(record: Record) -> bool:
    """nginx complains of a backend, or of itself."""
    if _NOISE.match(record.message) or record.level not in ("error", "crit", "alert", "emerg"):
        return False
    return record.level in ("alert", "emerg") or record.upstream is not None or "upstream" in record.message


def unlimited(snapshot: Snapshot) -> tuple[Probe, ...]:
    """The questions that may be asked again and again: a limit_req would hold the others back."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    return tuple(dict.fromkeys(answer.probe for answer in answers if answer.probe.limit is None))


def seconds(snapshot: Snapshot) -> float:
    """How long a site must stand before it is believed: nginx asks a server that failed again after fail_timeout."""
    tree = snapshot.nginx_tree
    groups = () if isinstance(tree, Unknown) else upstreams(tree)
    times = (_fail_timeout(server) for group in groups if len(group.servers) > 1 for server in group.servers)
    return min(MOST_SECONDS, max(LEAST_SECONDS, *(time + 2.0 for time in times), 0.0))


def _fail_timeout(server: UpstreamServer) -> int:
    """In a group of one nginx ignores it."""
    if server.down or server.parameters.get("max_fails") == "0":
        return 0
    return nginx_time.seconds(server.parameters.get("fail_timeout", "")) or _FAIL_TIMEOUT


def failed(checks: Sequence[Check]) -> Check | None:
    """The first that did not pass."""
    return next((check for check in checks if check.ok is False), None)
