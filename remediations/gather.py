"""Gathers the facts of one host over one open shell, read-only: first what is there, then what follows from it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from remediations import databases as database_servers
from remediations import log_sources, lookups, orphans, questions, topology
from remediations.connections.base import Shell
from remediations.editors import nginx_paths
from remediations.errors import HostAnswerError
from remediations.facts import (
    addresses,
    databases,
    disks,
    files,
    http,
    journal,
    kernel,
    logs,
    machine,
    mentions,
    names,
    nginx,
    open_run,
    owners,
    paths,
    php,
    processes,
    resolvers,
    restarts,
    sockets,
    units,
    validation,
    work,
    worker,
)
from remediations.facts.base import Answer, Fact, Unknown
from remediations.first_facts import BESIDE_FIRST, FIRST, ask
from remediations.health_settings import HealthSettings
from remediations.nginx import complaints
from remediations.php import pools
from remediations.snapshot import Snapshot

T = TypeVar("T")
Ask = Callable[[Sequence[Fact[object]], Sequence[Fact[object]]], Mapping[str, Answer]]
"""Asks the first facts one after the other and the second beside them; the answers by name."""
Meanwhile = Callable[[Snapshot], None]
"""Told what is known when the last question goes out, so that something can be begun; returns at once."""

MOST_ROUNDS = 5
MOST_JOURNAL_UNITS = 40
MOST_WORDS = 20
MOST_FILES = 100


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
    answers = ask(FIRST, BESIDE_FIRST) if first is None else first
    return _second(ask, _complete(ask, _named(ask, _first(answers, host), named)), settings, meanwhile)


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
    """What follows from the configuration: what its validators say, how the site answers, and then what its logs say.

    The logs and the kernel come last, so that they hold what our own questions to the site have brought about.
    """
    known = () if isinstance(snapshot.units, Unknown) else tuple(_told_of(snapshot))
    more = files.fact(["/etc/systemd/system/*.service.d/*.conf"])
    heard = journal.fact(known)
    tails = logs.fact(log_sources.errors(snapshot), log_sources.writers(snapshot))
    slow = logs.slow_fact(log_sources.slow(snapshot))
    pressed, full_grown = pools.pressed(snapshot), pools.full_grown(snapshot)
    looks = work.fact(pressed, full_grown) if pressed or full_grown else None
    reached = (*topology.backend_addresses(snapshot), *topology.possible_addresses(snapshot))
    ends = tuple(dict.fromkeys(each.path for each in reached if each.path))
    ways = tuple(dict.fromkeys(folder for path in ends for folder in paths.folders(path)))
    where, before = paths.fact(ends), paths.fact(ways, "folders")
    who = [worker.fact(one.pid, one.uid, (*ways, *ends)) for one in topology.nginx_workers(snapshot)[:1] if ends]
    down = _programs(snapshot)
    programs = paths.fact(down, "programs")
    said = [journal.said_fact(log_sources.nginx_units(snapshot))] if log_sources.in_journal(snapshot) else []
    peers = logs.peers_fact(log_sources.accesses(snapshot))
    verdicts = validation.fact(validators(snapshot), writable(snapshot))
    asked = questions.questions(settings, snapshot)
    site = http.fact(asked.probes)
    if meanwhile:
        meanwhile(snapshot)
    called = lookups.kept_names(snapshot)[: lookups.MOST_NAMES]
    looked_up = names.fact([one.host for one in called])
    dns = resolvers.fact(lookups.to_ask(snapshot))
    asking = [*([looked_up] if called else []), *([dns] if lookups.to_ask(snapshot) else [])]
    asking += [*([heard] if known else []), *who, *([looks] if looks else [])]
    asking += [programs] if down else []
    words, holding = topology.unclaimed(snapshot)[:MOST_WORDS], topology.environment_files(snapshot)[:MOST_FILES]
    searched = mentions.fact(words, holding)
    asking += [searched] if words and holding else []
    answers = ask([*asking, more, where, before, peers, verdicts], [site, tails, slow, *said, kernel.FACT])

    def read(fact: Fact[T]) -> T | Unknown:
        return fact.read(answers.get(fact.name))

    drop_ins = read(more)
    whole = replace(
        snapshot,
        files={**snapshot.files, **({} if isinstance(drop_ins, Unknown) else drop_ins)},
        journal=read(heard) if known else Unknown("no units are known"),
        logs=log_sources.with_journal(snapshot, read(tails), read(said[0])) if said else read(tails),
        slow_logs=read(slow),
        work=read(looks) if looks else Unknown("no pool of PHP-FPM looked busy"),
        peers=read(peers),
        paths=_joined(_joined(read(where), read(before)), read(programs) if down else {}),
        worker=read(who[0]) if who else Unknown("no worker of nginx runs, or it passes to no unix socket"),
        mentions=read(searched) if searched in asking else {},
        names=read(looked_up) if called else {},
        resolvers=read(dns) if dns in asking else {},
        verdicts=read(verdicts),
        answers=read(site),
        kernel=read(kernel.FACT),
        unasked=asked.left_out,
    )
    return _told(whole)


def _told(snapshot: Snapshot) -> Snapshot:
    """With the addresses that only nginx's log names; where that says that a socket is not there, it is not."""
    told = complaints.told(snapshot)
    known = {} if isinstance(snapshot.paths, Unknown) else snapshot.paths
    gone = {one.path: paths.PathStatus(one.path, None) for one, missing in told.items() if missing and one.path}
    return replace(snapshot, told=tuple(told), paths={**gone, **known} if gone else snapshot.paths)


def _joined(ends: paths.Paths | Unknown, ways: paths.Paths | Unknown) -> paths.Paths | Unknown:
    """What lies at the paths is needed; what their folders are like only explains it."""
    return ends if isinstance(ends, Unknown) or isinstance(ways, Unknown) else {**ways, **ends}


def _programs(snapshot: Snapshot) -> tuple[str, ...]:
    """What the web units that do not run would start."""
    names = (*topology.displaced(snapshot), *(unit.name for unit in topology.web_units(snapshot)))
    down = (unit for name in names if (unit := snapshot.unit(name)) and not unit.running)
    return tuple(dict.fromkeys(path for unit in down for path in orphans.programs(unit)))


def _told_of(snapshot: Snapshot) -> dict[str, None]:
    """The units whose journal and drop-ins matter: the web's, databases, any that failed or is between two deaths."""
    assert not isinstance(snapshot.units, Unknown)
    web = [unit.name for unit in topology.web_units(snapshot)]
    fpm = [] if isinstance(snapshot.php, Unknown) else [each.unit for each in snapshot.php.versions if each.unit]
    ill = [unit.name for unit in snapshot.units.values() if unit.active_state in ("failed", "activating")]
    stored = [server.unit.name for server in database_servers.servers(snapshot)]
    idle = [unit.name for unit in snapshot.units.values() if topology.could_be_meant(unit)]
    return dict.fromkeys([*web, *fpm, *stored, *ill, *idle][:MOST_JOURNAL_UNITS])


def validators(snapshot: Snapshot) -> tuple[validation.Validator, ...]:
    """One for nginx, one for each PHP-FPM."""
    found: list[validation.Validator] = []
    if snapshot.live_nginx:
        nginx_ = snapshot.live_nginx
        found.append(validation.nginx(nginx_.binary, nginx_.main, nginx_.build.prefix))
    if not isinstance(snapshot.php, Unknown):
        found += [validation.php_fpm(fpm.binary, fpm.main) for fpm in snapshot.php.versions]
    return tuple(found)


def writable(snapshot: Snapshot) -> tuple[str, ...]:
    """The folders in which these validators would create something."""
    paths = log_sources.of_fpm(snapshot)
    if snapshot.live_nginx and not isinstance(snapshot.nginx_tree, Unknown):
        paths += nginx_paths.written_paths(snapshot.nginx_tree, snapshot.live_nginx.build)
    return tuple(dict.fromkeys(posixpath.dirname(path) for path in paths if path.startswith("/")))
