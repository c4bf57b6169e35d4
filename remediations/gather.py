"""Gathers the facts of one host over one open shell, read-only: first what is there, then what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from remediations import second_facts
from remediations.connections.base import Shell
from remediations.errors import HostAnswerError
from remediations.facts import (
    addresses,
    databases,
    disks,
    files,
    http,
    machine,
    nginx,
    open_run,
    owners,
    php,
    processes,
    restarts,
    sockets,
    units,
)
from remediations.facts.base import TOOK, Answer, Fact, Unknown
from remediations.first_facts import BESIDE_FIRST, FIRST, ask
from remediations.health_settings import HealthSettings
from remediations.snapshot import Snapshot

T = TypeVar("T")
Ask = Callable[[Sequence[Fact[object]], Sequence[Fact[object]]], Mapping[str, Answer]]
"""Asks the first facts one after the other and the second beside them; the answers by name."""
Meanwhile = Callable[[Snapshot], None]
"""Told what is known when the last question goes out, so that something can be begun; returns at once."""

MOST_ROUNDS = 5


def gather(
    shell: Shell,
    host: str,
    settings: HealthSettings,
    variables: Mapping[str, object] | None = None,
    first: Mapping[str, Answer] | None = None,
    named: Sequence[str] = (),
    meanwhile: Meanwhile | None = None,
) -> Snapshot:
    """Everything that diagnosis and planning need; `variables` are what the inventory says of the host.

    `first` are the answers of `first_facts.ask_first` where it was called already; `named` are units that the run is
    about, which the list of units may leave out. Raises HostAnswerError where not even the machine answers.
    """
    return replace(gather_by(partial(ask, shell), host, settings, first, named, meanwhile), variables=variables or {})


def gather_by(
    ask: Ask,
    host: str,
    settings: HealthSettings,
    first: Mapping[str, Answer] | None = None,
    named: Sequence[str] = (),
    meanwhile: Meanwhile | None = None,
) -> Snapshot:
    """The same by any way of asking: a host's shell, or answers that were recorded."""
    trips: list[Mapping[str, Answer]] = []

    def noted(facts: Sequence[Fact[object]], beside: Sequence[Fact[object]]) -> Mapping[str, Answer]:
        trips.append(ask(facts, beside))
        return trips[-1]

    answers = noted(FIRST, BESIDE_FIRST) if first is None else first
    snapshot = _second(noted, _complete(noted, _named(noted, _first(answers, host), named)), settings, meanwhile)
    took = (TOOK.read(trip.get(TOOK.name)) for trip in (trips if first is None else [first, *trips]))
    return replace(snapshot, shell_seconds=sum(seconds for seconds in took if not isinstance(seconds, Unknown)))


def ask_health(shell: Shell, probes: Sequence[http.Probe]) -> http.HttpAnswers | Unknown:
    """The site's answers, now."""
    fact = http.fact(probes)
    return fact.read(ask(shell, [fact]).get("http"))


def _first(answers: Mapping[str, Answer], host: str) -> Snapshot:
    def read(fact: Fact[T]) -> T | Unknown:
        return fact.read(answers.get(fact.name))

    who = read(machine.FACT)
    if isinstance(who, Unknown):
        raise HostAnswerError(f"{host}: gather facts: {who.reason}")
    web, scripts = read(nginx.FACT), read(php.FACT)
    found = {} if web is None or isinstance(web, Unknown) else dict(web.files)
    found |= {} if isinstance(scripts, Unknown) else scripts.files
    left_out, dangling = read(units.LEFT_OUT), read(units.DANGLING)
    return Snapshot(
        host, who, read(units.FACT), read(sockets.FACT), read(processes.FACT), web, scripts, found,
        databases=read(databases.FACT), restarts=read(restarts.FACT), addresses=read(addresses.FACT),
        listed=() if web is None or isinstance(web, Unknown) else web.listed,
        units_left_out=0 if isinstance(left_out, Unknown) else left_out, open_run=read(open_run.FACT),
        dangling_units=() if isinstance(dangling, Unknown) else dangling, owners=read(owners.FACT),
        disks=read(disks.FACT),
    )  # fmt: skip


def _named(ask: Ask, snapshot: Snapshot, names: Sequence[str]) -> Snapshot:
    """Asks for the units that a run names and the list of units lacks."""
    if isinstance(snapshot.units, Unknown):
        return snapshot
    full = (units.full_name(name) for name in names)
    missing = [name for name in dict.fromkeys(full) if name and not snapshot.unit(name)]
    if not missing:
        return snapshot
    fact = units.named_fact(missing)
    more = fact.read(ask([fact], ()).get(fact.name))
    return replace(snapshot, units=more if isinstance(more, Unknown) else {**snapshot.units, **more})


def _complete(ask: Ask, snapshot: Snapshot) -> Snapshot:
    """Fetches the includes that the shell's guess has missed, until the lexer wants no more."""
    for _ in range(MOST_ROUNDS):
        wanted = snapshot.wanted
        if not wanted:
            break
        fact = files.fact(wanted)
        more = fact.read(ask([fact], ()).get("files"))
        if isinstance(more, Unknown):
            return replace(snapshot, nginx=more)
        snapshot = replace(snapshot, listed=(*snapshot.listed, *wanted), files={**snapshot.files, **more})
    return snapshot


def _second(ask: Ask, snapshot: Snapshot, settings: HealthSettings, meanwhile: Meanwhile | None) -> Snapshot:
    """What follows from the configuration: what validators say, how the site answers, and then what the logs say."""
    following = second_facts.following(snapshot, settings)
    if meanwhile:
        meanwhile(snapshot)
    return following.told(snapshot, ask(following.in_turn, following.after_the_site))
