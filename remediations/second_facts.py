"""The second facts: what a host's configuration gives reason to ask, and what the answers add to its snapshot."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from remediations import log_sources, questions
from remediations.editors import nginx_paths
from remediations.facts import (
    files,
    http,
    journal,
    kernel,
    logs,
    mentions,
    names,
    paths,
    resolvers,
    validation,
    work,
    worker,
)
from remediations.facts.base import Answer, Fact, Unknown
from remediations.facts.files import Files
from remediations.facts.http import HttpAnswers
from remediations.facts.journal import Journal
from remediations.facts.logs import Logs, Peers
from remediations.facts.mentions import Mentions
from remediations.facts.names import Names
from remediations.facts.paths import Paths
from remediations.facts.resolvers import Resolvers
from remediations.facts.validation import Verdicts
from remediations.facts.work import Works
from remediations.facts.worker import Worker
from remediations.health_settings import HealthSettings
from remediations.host import databases, lookups, orphans, topology
from remediations.nginx import complaints
from remediations.php import pools
from remediations.snapshot import Snapshot

T = TypeVar("T")

MOST_JOURNAL_UNITS = 40
MOST_WORDS = 20
MOST_FILES = 100


@dataclass(frozen=True)
class SecondFacts:
    """One trip's questions about one host; None where it gives no reason to ask. `unasked` had no room in `site`."""

    names: Fact[Names] | None
    resolvers: Fact[Resolvers] | None
    journal: Fact[Journal] | None
    worker: Fact[Worker] | None
    work: Fact[Works] | None
    programs: Fact[Paths] | None
    mentions: Fact[Mentions] | None
    drop_ins: Fact[Files]
    ends: Fact[Paths]
    ways: Fact[Paths]
    peers: Fact[Peers]
    verdicts: Fact[Verdicts]
    site: Fact[HttpAnswers]
    logs: Fact[Logs]
    slow_logs: Fact[Logs]
    nginx_said: Fact[Journal] | None
    unasked: int

    @property
    def in_turn(self) -> tuple[Fact[object], ...]:
        """Those that do not wait for the site."""
        asked = (
            self.names, self.resolvers, self.journal, self.worker, self.work, self.programs, self.mentions,
            self.drop_ins, self.ends, self.ways, self.peers, self.verdicts,
        )  # fmt: skip
        return tuple(fact for fact in asked if fact)

    @property
    def after_the_site(self) -> tuple[Fact[object], ...]:
        """The logs and the kernel come last: they then hold what our own questions to the site have brought about."""
        asked = (self.site, self.logs, self.slow_logs, self.nginx_said, kernel.FACT)
        return tuple(fact for fact in asked if fact)

    def told(self, snapshot: Snapshot, answers: Mapping[str, Answer]) -> Snapshot:
        """The host with what these answers say of it."""

        def read(fact: Fact[T] | None, unasked: T | Unknown) -> T | Unknown:
            return fact.read(answers.get(fact.name)) if fact else unasked

        no_pool = Unknown("no pool of PHP-FPM looked busy")
        no_worker = Unknown("no worker of nginx runs, or it passes to no unix socket")
        drop_ins, tails = read(self.drop_ins, {}), read(self.logs, {})
        said = read(self.nginx_said, ())
        return _with_told(replace(
            snapshot,
            files={**snapshot.files, **({} if isinstance(drop_ins, Unknown) else drop_ins)},
            journal=read(self.journal, Unknown("no units are known")),
            logs=log_sources.with_journal(snapshot, tails, said) if self.nginx_said else tails,
            slow_logs=read(self.slow_logs, {}),
            work=read(self.work, no_pool),
            peers=read(self.peers, {}),
            paths=_joined(_joined(read(self.ends, {}), read(self.ways, {})), read(self.programs, {})),
            worker=read(self.worker, no_worker),
            mentions=read(self.mentions, {}),
            names=read(self.names, {}),
            resolvers=read(self.resolvers, {}),
            verdicts=read(self.verdicts, ()),
            answers=read(self.site, ()),
            kernel=read(kernel.FACT, ()),
            unasked=self.unasked,
        ))  # fmt: skip


def following(snapshot: Snapshot, settings: HealthSettings) -> SecondFacts:
    """What the first facts of this host give reason to ask."""
    reached = (*topology.backend_addresses(snapshot), *topology.possible_addresses(snapshot))
    ends = tuple(dict.fromkeys(each.path for each in reached if each.path))
    ways = tuple(dict.fromkeys(folder for path in ends for folder in paths.folders(path)))
    asked = questions.questions(settings, snapshot)
    return SecondFacts(
        names=_names(snapshot),
        resolvers=_resolvers(snapshot),
        journal=_journal(snapshot),
        worker=_worker(snapshot, ways, ends),
        work=_work(snapshot),
        programs=_programs(snapshot),
        mentions=_mentions(snapshot),
        drop_ins=files.fact(["/etc/systemd/system/*.service.d/*.conf"]),
        ends=paths.fact(ends),
        ways=paths.fact(ways, "folders"),
        peers=logs.peers_fact(log_sources.accesses(snapshot)),
        verdicts=validation.fact(validators(snapshot), writable(snapshot)),
        site=http.fact(asked.probes),
        logs=logs.fact(log_sources.errors(snapshot), log_sources.writers(snapshot)),
        slow_logs=logs.slow_fact(log_sources.slow(snapshot)),
        nginx_said=_nginx_said(snapshot),
        unasked=asked.left_out,
    )


def validators(snapshot: Snapshot) -> tuple[validation.Validator, ...]:
    """One for nginx, one for each PHP-FPM."""
    found: list[validation.Validator] = []
    if snapshot.live_nginx:
        nginx_ = snapshot.live_nginx
        found.append(validation.nginx(nginx_.binary, nginx_.main, nginx_.build.prefix))
    if not isinstance(snapshot.php, Unknown):
        found += [validation.php_fpm(fpm.binary, fpm.main) for fpm in snapshot.php.versions if fpm.binary]
    return tuple(found)


def writable(snapshot: Snapshot) -> tuple[str, ...]:
    """The folders in which these validators would create something."""
    written = log_sources.of_fpm(snapshot)
    if snapshot.live_nginx and not isinstance(snapshot.nginx_tree, Unknown):
        written += nginx_paths.written_paths(snapshot.nginx_tree, snapshot.live_nginx.build)
    return tuple(dict.fromkeys(posixpath.dirname(path) for path in written if path.startswith("/")))


def _names(snapshot: Snapshot) -> Fact[Names] | None:
    called = lookups.kept_names(snapshot)[: lookups.MOST_NAMES]
    return names.fact([one.host for one in called]) if called else None


def _resolvers(snapshot: Snapshot) -> Fact[Resolvers] | None:
    asked = lookups.to_ask(snapshot)
    return resolvers.fact(asked) if asked else None


def _journal(snapshot: Snapshot) -> Fact[Journal] | None:
    """About the web's units, databases, those that failed or are between two deaths, and those that could be meant."""
    if isinstance(snapshot.units, Unknown):
        return None
    web = [unit.name for unit in topology.web_units(snapshot)]
    fpm = [] if isinstance(snapshot.php, Unknown) else [each.unit for each in snapshot.php.versions if each.unit]
    ill = [unit.name for unit in snapshot.units.values() if unit.active_state in ("failed", "activating")]
    stored = [server.unit.name for server in databases.servers(snapshot)]
    idle = [unit.name for unit in snapshot.units.values() if topology.could_be_meant(unit)]
    return journal.fact(tuple(dict.fromkeys([*web, *fpm, *stored, *ill, *idle][:MOST_JOURNAL_UNITS])))


def _worker(snapshot: Snapshot, ways: tuple[str, ...], ends: tuple[str, ...]) -> Fact[Worker] | None:
    one = next(iter(topology.nginx_workers(snapshot)), None)
    return worker.fact(one.pid, one.uid, (*ways, *ends)) if one and ends else None


def _work(snapshot: Snapshot) -> Fact[Works] | None:
    pressed, full_grown = pools.pressed(snapshot), pools.full_grown(snapshot)
    return work.fact(pressed, full_grown) if pressed or full_grown else None


def _programs(snapshot: Snapshot) -> Fact[Paths] | None:
    """What the web units that do not run would start."""
    units = (*topology.displaced(snapshot), *(unit.name for unit in topology.web_units(snapshot)))
    down = (unit for name in units if (unit := snapshot.unit(name)) and not unit.running)
    started = tuple(dict.fromkeys(path for unit in down for path in orphans.programs(unit)))
    return paths.fact(started, "programs") if started else None


def _mentions(snapshot: Snapshot) -> Fact[Mentions] | None:
    words, holding = topology.unclaimed(snapshot)[:MOST_WORDS], topology.environment_files(snapshot)[:MOST_FILES]
    return mentions.fact(words, holding) if words and holding else None


def _nginx_said(snapshot: Snapshot) -> Fact[Journal] | None:
    """What nginx says of failed requests, where it says so to the journal."""
    return journal.said_fact(log_sources.nginx_units(snapshot)) if log_sources.in_journal(snapshot) else None


def _with_told(snapshot: Snapshot) -> Snapshot:
    """With the addresses that only nginx's log names; where that says that a socket is not there, it is not."""
    told = complaints.told(snapshot)
    known = {} if isinstance(snapshot.paths, Unknown) else snapshot.paths
    gone = {one.path: paths.PathStatus(one.path, None) for one, missing in told.items() if missing and one.path}
    return replace(snapshot, told=tuple(told), paths={**gone, **known} if gone else snapshot.paths)


def _joined(ends: Paths | Unknown, ways: Paths | Unknown) -> Paths | Unknown:
    """What lies at the paths is needed; what their folders are like only explains it."""
    return ends if isinstance(ends, Unknown) or isinstance(ways, Unknown) else {**ways, **ends}
