"""A lab host as the core sees it: an open root shell, what was gathered, and plans made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from remediations.changes.file import FileChange
from remediations.changes.unit import Act, UnitAction
from remediations.connections.base import Connection, Shell, Target
from remediations.connections.open import open_connection
from remediations.facts import files
from remediations.facts.base import Fact, Unknown
from remediations.facts.files import HostFile
from remediations.first_facts import ask
from remediations.gather import gather
from remediations.health_settings import HealthSettings
from remediations.plan import Expectation, Plan, PlannedFile
from remediations.proof import Proof, prove
from remediations.run import new_id
from remediations.snapshot import Snapshot
from remediations.transaction import Outcome, Transaction
from remediations.transaction.program import Program
from tests.lab.host import LabHost

RUN = "20261122T130500Z-7f3a9c"
SITE = "/etc/nginx/sites-available/shop"
POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
FPM = "php8.2-fpm.service"
NGINX = "nginx.service"


def target(host: LabHost, **more: Any) -> Target:
    return Target(
        host.name,
        host.address,
        user=host.user,
        private_key_file=host.key,
        known_hosts_files=(host.known_hosts,),
        **more,
    )


@dataclass(frozen=True)
class OverShell:
    """A transaction, all of it over one shell."""

    shell: Shell
    transaction: Transaction

    @property
    def run(self) -> str:
        return self.transaction.program.run

    def begin(self) -> Outcome:
        return self.transaction.begin(self.shell)

    def confirm(self) -> Outcome:
        return self.transaction.confirm(self.shell)

    def undo(self) -> Outcome:
        return self.transaction.abort(self.shell)

    def look(self) -> Outcome:
        return self.transaction.look(self.shell)


@dataclass(frozen=True)
class OnHost:
    """One connection to a host and what was read over it."""

    host: LabHost
    connection: Connection
    shell: Shell
    snapshot: Snapshot

    def file(self, path: str) -> HostFile:
        """The file at this real path as it is now, gathered or not."""
        fact = Fact("files", files.script([path]), files.parse)
        found = fact.read(ask(self.shell, [fact]).get("files"))
        assert not isinstance(found, Unknown)
        return found[path]

    def edit(self, path: str, *splices: tuple[bytes, bytes]) -> FileChange:
        """The file with each of these bytes replaced by the others; each must be there."""
        before = self.file(path)
        after = before.data
        for old, new in splices:
            assert old in after, (path, old)
            after = after.replace(old, new, 1)
        return FileChange("by-hand", path, before, after)

    def append(self, path: str, data: bytes) -> FileChange:
        before = self.file(path)
        return FileChange("by-hand", path, before, before.data + data)

    def delete(self, path: str) -> FileChange:
        return FileChange("by-hand", path, self.file(path), None)

    def act(self, action: Act, unit: str = "", pid: int | None = None) -> UnitAction:
        return UnitAction("by-hand", unit, action, "by hand", pid)

    def plan(self, *what: FileChange | UnitAction, expectations: Sequence[Expectation] = ()) -> Plan:
        return Plan(
            self.host.name,
            tuple(PlannedFile(each, ("by-hand",)) for each in what if isinstance(each, FileChange)),
            tuple(each for each in what if isinstance(each, UnitAction)),
            expectations=tuple(expectations),
        )

    def prove(self, *what: FileChange | UnitAction) -> Proof:
        proof = prove(self.shell, self.snapshot, self.plan(*what))
        assert proof is not None
        return proof

    def transaction(self, *what: FileChange | UnitAction, **more: Any) -> OverShell:
        plan = self.plan(*what, expectations=more.pop("expectations", ()))
        run = more.pop("run", None) or new_id()
        return OverShell(self.shell, Transaction(Program(self.snapshot, plan, run, **{"settle": 0.5, **more})))

    def begin(self, *what: FileChange | UnitAction, **more: Any) -> Outcome:
        return self.transaction(*what, **more).begin()

    def commit(self, *what: FileChange | UnitAction, **more: Any) -> Outcome:
        transaction = self.transaction(*what, **more)
        begun = transaction.begin()
        return transaction.confirm() if begun.state == "await" else begun


def create(path: str, data: bytes) -> FileChange:
    return FileChange("by-hand", path, None, data)


@contextmanager
def on(host: LabHost, **more: Any) -> Iterator[OnHost]:
    warnings: list[str] = []
    connection = open_connection(target(host, **more), warnings.append)
    try:
        with connection.shell() as shell:
            yield OnHost(host, connection, shell, gather(shell, host.name, HealthSettings()))
    finally:
        connection.close()


STATE_OF_FILES = r"""
for top in {folders}; do
  find "$top" -xdev \( {prune} \) -prune -o -printf '%p|%y|%m|%U:%G|%T@|%n|%s|%l\n'
  find "$top" -xdev \( {prune} \) -prune -o -type f -print0 | xargs -0r sha256sum
done | sort
"""


def files_of(host: LabHost, *folders: str, without: Sequence[str] = ()) -> list[str]:
    """Every name below with kind, mode, owner, mtime, links, size and link target, and every content's hash."""
    prune = " -o ".join(f"-path '{each}'" for each in (*without, "/nowhere"))
    script = STATE_OF_FILES.format(folders=" ".join(folders), prune=prune)
    return host.sh(script, timeout=120).decode(errors="surrogateescape").splitlines()


def leftovers(host: LabHost) -> str:
    return host.sh("find / -xdev -name '.*.remediate-*' 2>/dev/null; exit 0").decode()
