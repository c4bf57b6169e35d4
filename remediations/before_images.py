"""Before-images: what a run is about to replace, kept on this side, with the script that puts it back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.connections.base import Target
from remediations.facts.files import new_file
from remediations.plan import Plan, PlannedFile
from remediations.snapshot import Snapshot
from remediations.transaction_program import restore_script


def state_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/remediate`, by default ~/.local/state/remediate."""
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "remediate"


def keep(folder: Path, snapshot: Snapshot, plan: Plan, run: str) -> Path:
    """Writes every before-image and `restore.sh` below `folder`, 0600; returns the script's path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, file in enumerate(plan.files, 1):
        if file.change.before is not None:
            name = f"{number:02d}-{Path(file.change.path).name}"
            _write(folder / name, file.change.before.data)
    script = folder / "restore.sh"
    _write(script, restore_script(snapshot, inverse(plan), f"{run}-undo").encode())
    return script


def inverse(plan: Plan) -> Plan:
    """The plan that leads back: old bytes for new ones, and the daemons read them again."""
    files = tuple(PlannedFile(_inverse_file(file.change), file.remediations) for file in reversed(plan.files))
    actions = tuple(action for one in plan.actions if (action := _inverse_action(one)))
    return replace(plan, files=files, actions=actions)


def _inverse_file(change: FileChange) -> FileChange:
    now = None
    if change.after is not None:
        now = replace(change.before or new_file(change.path), data=change.after)
    return FileChange(change.remediation, change.path, now, change.before.data if change.before else None)


def _inverse_action(action: UnitAction) -> UnitAction | None:
    """A unit that was started stays up; what read the new files reads the old ones."""
    return None if action.action == "start" else action


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
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
