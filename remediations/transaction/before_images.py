"""Before-images: what a run is about to replace, kept on this side, with the script that puts it back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from remediations import proof, state
from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.connections.base import Target
from remediations.errors import RefusedError
from remediations.facts.files import new_file
from remediations.plan import Plan, PlannedFile
from remediations.quoting import quote
from remediations.snapshot import Snapshot
from remediations.transaction.program import HOME, Program


def keep(folder: Path, snapshot: Snapshot, plan: Plan, run: str) -> Path:
    """Writes every before-image and `restore.sh` below `folder`, 0600; returns the script's path.

    Raises RefusedError where they cannot be kept: then nothing may be changed.
    """
    try:
        state.make_private(folder)
        for number, file in enumerate(plan.files, 1):
            if file.change.before is not None:
                _write(folder / f"{number:02d}-{Path(file.change.path).name}", file.change.before.data)
        return write_script(folder, snapshot, plan, run)
    except OSError as error:
        raise RefusedError(
            f"{snapshot.host}: keep the old files in {folder}: {error.strerror}; nothing was changed"
        ) from error


def write_script(folder: Path, snapshot: Snapshot, plan: Plan, run: str, made: Sequence[str] = ()) -> Path:
    """`restore.sh`; `made` are the folders that the run has made, innermost first."""
    script = folder / "restore.sh"
    _write(script, restore_script(snapshot, plan, run, made).encode())
    return script


def restore_script(snapshot: Snapshot, plan: Plan, run: str, made: Sequence[str] = ()) -> str:
    """The same transaction, backwards, as a script for `sh -s` that confirms itself: it needs nobody's help."""
    after = proof.staged(snapshot, plan)
    back = inverse(plan, snapshot)
    program = Program(
        after, back, f"{run}-restore", validators=proof.validators(after, back), confirm_itself=True,
        emptied=tuple(made), what=f"undo {run}",
        models=tuple(file.change.before for file in plan.files if file.change.before),
    )  # fmt: skip
    done = f"everything is as it was before run {run}"
    again = f"the old files of run {run} were put back before: there is nothing left to put back"
    return f"""cd {HOME}/txn 2>/dev/null || {{ echo 'this host has no journal of runs'; exit 3; }}
[ ! -e {run}-restore/state.COMMITTED ] || {{ echo {quote(again)}; exit 3; }}
for state in REFUSED LOCKED ROLLED_BACK; do [ ! -e {run}-restore/state.$state ] || rm -rf {run}-restore; done
{{
{program.text}
}} </dev/null
[ -e {HOME}/txn/{run}-restore/state.COMMITTED ] || {{ echo 'the old files were not put back: see above'; exit 3; }}
echo {quote(done)}
"""


def inverse(plan: Plan, snapshot: Snapshot) -> Plan:
    """The plan that leads back: old bytes for new ones, and the daemons read them again."""
    files = tuple(PlannedFile(_inverse_file(file.change), file.remediations) for file in reversed(plan.files))
    actions = tuple(action for one in plan.actions if (action := _inverse_action(one, snapshot)))
    return replace(plan, files=files, actions=actions, expectations=())


def _inverse_file(change: FileChange) -> FileChange:
    now = None
    if change.after is not None:
        now = replace(change.before or new_file(change.path), data=change.after)
    return FileChange(change.remediation, change.path, now, change.before.data if change.before else None)


def _inverse_action(action: UnitAction, snapshot: Snapshot) -> UnitAction | None:
    """A unit that was started stays up, but what has read the new files reads the old ones."""
    unit = snapshot.unit(action.unit)
    if action.action != "start":
        return action
    return replace(action, action="reload") if unit and unit.can_reload else None


def restore_command(target: Target, script: Path) -> str:
    """What a person types to run `script` on the host, without this toolkit."""
    words = ["ssh"]
    words += ["-p", str(target.port)] if target.port else []
    words += ["-i", str(target.private_key_file)] if target.private_key_file else []
    words += ["-J", target.jump] if target.jump else []
    for file in target.known_hosts_files[:1]:
        words += ["-o", f"UserKnownHostsFile={file}"]
    words += [f"{target.user}@{target.address}" if target.user else target.address]
    shell = "sudo sh -s" if target.become and target.user != "root" else "sh -s"
    if target.connection == "local":
        return f"{'sudo ' if os.geteuid() else ''}sh -s < {shlex.quote(str(script))}"
    return f"{shlex.join(words)} {shlex.quote(shell)} < {shlex.quote(str(script))}"


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, and on the disk before anything is changed."""
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
