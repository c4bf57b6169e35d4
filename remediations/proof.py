"""Proof: the host's own validators accept the staged files, in a private mount namespace, nothing live touched."""

from __future__ import annotations

import posixpath
import re
import secrets
from dataclasses import dataclass, replace

from remediations import second_facts
from remediations.connections.base import Shell
from remediations.facts import validation
from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.files import HostFile
from remediations.facts.validation import Validator, Verdict, Verdicts
from remediations.payload import DECODE, here_document
from remediations.plan import Plan
from remediations.quoting import quote
from remediations.snapshot import Snapshot

SECONDS = 60

_VARIES = re.compile(r"^\[[^]]*\] |^\d+/\d+/\d+ [\d:]+ | \d+#\d+:|:\d+\b|\bline \d+")

# Folders in which a change may lie: covered whole, so that files can be created and deleted there.
ROOTS = ("/etc/nginx", "/etc/php", "/etc/systemd/system", "/etc/apache2", "/etc/httpd", "/etc/php-fpm.d")


@dataclass(frozen=True)
class Proof:
    """`proven` is False where a check failed, or (`reason` says why) where the host does not let us check."""

    proven: bool
    checks: tuple[Verdict, ...] = ()
    reason: str | None = None

    @property
    def failed(self) -> Verdict | None:
        """The first check that the staged files did not pass."""
        return next((check for check in self.checks if not check.ok), None)


def prove(shell: Shell, snapshot: Snapshot, plan: Plan) -> Proof | None:
    """Stages the plan's files where only we see them and runs every validator before and after; None without files."""
    if not plan.files:
        return None
    asked = validators(snapshot, plan)
    if not asked:
        return Proof(False, reason="the host has no validator for these files")
    mark = secrets.token_hex(16)
    answer = shell.run(f"(\n{PRELUDE}{script(snapshot, plan, asked, mark)}\n)", timeout=SECONDS)
    before = validation.parse(answer.stdout, (*asked, *asked), mark)
    if isinstance(before, Unknown):
        return Proof(False, reason=before.reason)
    return judge(before[: len(asked)], before[len(asked) :])


def judge(before: Verdicts, after: Verdicts) -> Proof:
    """A fault that stood before is not the change's; where it keeps the daemon from loading, nothing is proven."""
    checks = tuple(_compared(old, new) for old, new in zip(before, after, strict=True))
    return Proof(all(check.ok for check in checks), checks)


def _compared(old: Verdict, new: Verdict) -> Verdict:
    if new.ok or _faults(new) - _faults(old):
        return new
    words = "it failed in the same way before the change" if new.fatal else "so it was before the change"
    return replace(new, ok=not new.fatal, output=f"{new.output}\n({words})".strip())


def _faults(verdict: Verdict) -> set[str]:
    """Its lines without what differs from run to run: clocks, pids, and numbers of lines that a change moves."""
    return {_VARIES.sub("", line) for line in verdict.output.splitlines()}


def validators(snapshot: Snapshot, plan: Plan) -> tuple[Validator, ...]:
    """nginx and PHP-FPM where one of their files changes, systemd for each unit that gets a drop-in."""
    paths = {file.change.path for file in plan.files}
    found = [one for one in second_facts.validators(snapshot) if paths & reads(snapshot, one.subject, paths)]
    units = {path.split("/")[4].removesuffix(".d") for path in paths if path.startswith("/etc/systemd/system/")}
    if units and "systemctl" in snapshot.machine.tools:
        found.append(validation.unit(*sorted(units)))
    return tuple(found)


def reads(snapshot: Snapshot, main: str, paths: set[str]) -> set[str]:
    """Which of these real paths the daemon with this main file reads, or lie beside what it reads."""
    folder = posixpath.dirname(main)
    own = {file.real_path for path, file in snapshot.files.items() if path == main or path.startswith(f"{folder}/")}
    own |= reached(snapshot, main)
    folders = {folder, *(posixpath.dirname(path) for path in own)}
    return {path for path in paths if posixpath.dirname(path) in folders or path.startswith(f"{folder}/")}


def relied_on(snapshot: Snapshot, plan: Plan) -> tuple[HostFile, ...]:
    """The files that the plan leaves alone and its proof depends on: where one has changed, it proves nothing."""
    paths = {file.change.path for file in plan.files}
    known = {file.real_path: file for file in snapshot.files.values()}
    mains = [one.subject for one in second_facts.validators(snapshot) if reads(snapshot, one.subject, paths)]
    relied = {path for main in mains for path in reads(snapshot, main, set(known))}
    return tuple(known[path] for path in sorted(relied - paths) if not {"\\", "\n"} & set(path))


def reached(snapshot: Snapshot, main: str) -> set[str]:
    """Real paths of nginx's included files that lie outside its folder."""
    tree = snapshot.nginx_tree
    if isinstance(tree, Unknown) or tree.main != main:
        return set()
    return {snapshot.files[path].real_path for path in tree.reached if path in snapshot.files}


def script(snapshot: Snapshot, plan: Plan, asked: tuple[Validator, ...], mark: str) -> str:
    """Cover the folders, run the validators, write the staged bytes over the covered paths, run them again."""
    has_base64 = "base64" in snapshot.machine.tools
    writes = "\n".join(_write(file.change.path, file.change.after, has_base64) for file in plan.files)
    judged = validation.commands(asked, mark)
    body = f"{judged}\n{DECODE}{writes}\n{judged}"
    written = (*second_facts.writable(snapshot), *second_facts.writable(staged(snapshot, plan)))
    covered = (*validation.SCRATCH, *written, *(root(file.change.path) for file in plan.files))
    return validation.contained(covered, body, end=secrets.token_hex(16))


def staged(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """The host once the plan's files stand: it may name logs that it does not name now."""
    for file in plan.files:
        snapshot = snapshot.with_file(file.change.path, file.change.after)
    return snapshot


def root(path: str) -> str:
    """The configuration root that holds the path, else its folder."""
    return next((each for each in ROOTS if path.startswith(f"{each}/")), posixpath.dirname(path))


def _write(path: str, data: bytes | None, has_base64: bool) -> str:
    name, folder = quote(path), quote(posixpath.dirname(path))
    fail = f"{{ echo {quote(f'cannot stage {path}')}; exit 3; }}"
    if data is None:
        return f"rm -f -- {name} 2>&1 || {fail}"
    payload = here_document(data, has_base64=has_base64)  # of the group: behind `|| exit` it would be exit's
    return f"{{ {{ mkdir -p -- {folder} && decode >{name}; }} 2>&1 || {fail}; }}{payload}"
