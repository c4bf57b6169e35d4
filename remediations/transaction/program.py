"""The program that a transaction runs on the host: the plan as calls of the functions in remote/apply.sh."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from remediations import topology
from remediations.changes.unit import UnitAction
from remediations.editors import nginx_paths
from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.files import HostFile, new_file
from remediations.facts.validation import Validator
from remediations.payload import DECODE, here_document
from remediations.plan import Plan, PlannedFile
from remediations.quoting import quote
from remediations.remote import program
from remediations.snapshot import Snapshot

CONFIRM_WITHIN = 120
SETTLE_AFTER_START = 5
SETTLE_AFTER_RELOAD = 2

UNDO = "|| { undo; return 0; }"
"""What follows a step that may fail once something was swapped."""


@dataclass(frozen=True)
class Program:
    """`run` names the files that it stages; `settle` in seconds, None for what the actions call for.

    `unproven` are the validators that could not judge the plan in private: they judge the live files after the swap,
    before anything is reloaded. With `confirm_within` the host waits so many seconds for `confirm` or `undo` and then
    undoes by itself; with None the program confirms itself. `emptied` are folders that go where they end up empty.
    `like` says whose mode and owner a created file gets; by default it is root's, 644.
    """

    snapshot: Snapshot
    plan: Plan
    run: str
    settle: float | None = None
    baseline_valid: bool = True
    unproven: tuple[Validator, ...] = ()
    confirm_within: int | None = CONFIRM_WITHIN
    emptied: tuple[str, ...] = ()
    like: tuple[HostFile, ...] = ()

    @property
    def text(self) -> str:
        """What is known, the functions, one `main` and its call."""
        validators = "\n".join(["bad=0", *(f"{_validate(one)} || bad=1" for one in self.unproven), "return $bad"])
        functions = [f"validators() {{\n{validators}\n}}", f"main() {{\n{self._body()}\n}}"]
        return PRELUDE + "\n".join([*self._known(), program("apply"), DECODE, *functions, "main"])

    def _known(self) -> list[str]:
        seconds = self.settle if self.settle is not None else settle_seconds(self.plan.actions)
        return [
            f"run={quote(self.run)} baseline={'valid' if self.baseline_valid else 'invalid'} settle_for={seconds:g}",
            f"nginx_log={quote(_nginx_log(self.snapshot))} nginx_pid_file={quote(_nginx_pid_file(self.snapshot))}",
            f"emptied={quote(chr(10).join(self.emptied))}",
        ]

    def _body(self) -> str:
        """Nothing is swapped before everything is checked and staged; from the first swap on a failure undoes all."""
        files, actions = self.plan.files, self.plan.actions
        manager = [one for one in actions if one.action == "daemon-reload"]
        steps = [
            "lock || return 0",
            *(f"precheck {quote(file.change.path)} {_before(file)} || return 0" for file in files),
            *(self._stage(file) for file in files if file.change.after is not None),
            *(["look_before"] if self.unproven else []),
            "state=open",
            *(f"swap {_names(file)} {UNDO}" for file in files),
            *([f"look_after {UNDO}"] if self.unproven else []),
            *(f"reload_manager {UNDO}" for _ in manager),
            *(f"expect {quote(e.unit)} {quote(e.property)} {quote(e.value)} {UNDO}" for e in self.plan.expectations),
            *(f"{self._act(one)} {UNDO}" for one in actions if one not in manager),
            f"settle {UNDO}",
            "confirm" if self.confirm_within is None else f"await {self.confirm_within}",
        ]
        return "\n".join(steps)

    def _stage(self, file: PlannedFile) -> str:
        assert file.change.after is not None
        has_base64 = "base64" in self.snapshot.machine.tools
        payload = here_document(file.change.after, has_base64=has_base64)  # of the group, not of `return`
        path = file.change.path
        model = next((each for each in self.like if each.real_path == path), new_file(path))
        return f"{{ stage {_names(file)} {model.mode} {model.uid}:{model.gid} || return 0; }}{payload}"

    def _act(self, action: UnitAction) -> str:
        kind = "nginx" if _is_nginx(self.snapshot, action) else "''"
        title = "" if action.unit else _title(self.snapshot, action.pid)
        return f"act {quote(action.unit)} {action.action} {quote(str(action.pid or ''))} {kind} {quote(title)}"


def settle_seconds(actions: Sequence[UnitAction]) -> float:
    """How long a unit must stay up before it is believed: a start proves nothing, a reload little."""
    acts = {action.action for action in actions}
    if acts & {"start", "restart"}:
        return SETTLE_AFTER_START
    return SETTLE_AFTER_RELOAD if "reload" in acts else 0


def _validate(validator: Validator) -> str:
    by, pattern = ("text", validator.relevant) if validator.relevant else ("exit", validator.also_bad)
    return f"validate {quote(validator.name)} {by} {quote(pattern)} {validator.command}"


def _nginx_log(snapshot: Snapshot) -> str:
    """Where nginx says that a reload did not take."""
    nginx, tree = snapshot.live_nginx, snapshot.nginx_tree
    if nginx is None or isinstance(tree, Unknown):
        return ""
    return next((log.path for log in nginx_paths.error_logs(tree.root, nginx.build) if log.path), "")


def _nginx_pid_file(snapshot: Snapshot) -> str:
    """What `nginx -t` leaves behind, empty, where nginx is stopped."""
    nginx, tree = snapshot.live_nginx, snapshot.nginx_tree
    return "" if nginx is None or isinstance(tree, Unknown) else nginx_paths.pid_path(tree, nginx.build)


def _is_nginx(snapshot: Snapshot, action: UnitAction) -> bool:
    nginx, unit = snapshot.live_nginx, topology.nginx_unit(snapshot)
    if nginx is None:
        return False
    return action.unit == unit.name if unit and action.unit else action.pid is not None and action.pid == nginx.master


def _title(snapshot: Snapshot, pid: int | None) -> str:
    """By which a daemon is found again that no unit holds."""
    process = None if isinstance(snapshot.processes, Unknown) or pid is None else snapshot.processes.get(pid)
    return process.title if process else ""


def _before(file: PlannedFile) -> str:
    return file.change.before.sha256 if file.change.before else "absent"


def _names(file: PlannedFile) -> str:
    after = "absent" if file.change.after is None else hashlib.sha256(file.change.after).hexdigest()
    return f"{quote(file.change.path)} {_before(file)} {after}"
