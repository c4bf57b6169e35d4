"""The program that a transaction runs on the host: the plan as calls of the functions in remote/apply.sh."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.changes.unit import UnitAction
from remediations.editors import nginx_paths
from remediations.facts.base import PRELUDE, Unknown
from remediations.payload import DECODE, here_document
from remediations.plan import Plan, PlannedFile
from remediations.quoting import quote
from remediations.remote import program
from remediations.snapshot import Snapshot

CONFIRM_WITHIN = 120
SETTLE_AFTER_START = 5
SETTLE_AFTER_RELOAD = 2


@dataclass(frozen=True)
class Program:
    """`run` names the files that it stages; `settle` in seconds, None for what the actions call for.

    With `wait` the host waits for `confirm` or `undo` and undoes by itself after two minutes; without it, the program
    confirms itself.
    """

    snapshot: Snapshot
    plan: Plan
    run: str
    settle: float | None = None
    baseline_valid: bool = True
    wait: bool = True

    @property
    def text(self) -> str:
        """What is known, the functions, one `main` and its call."""
        known = [
            f"run={quote(self.run)} baseline={'valid' if self.baseline_valid else 'invalid'}",
            f"nginx_log={quote(self._nginx_log())}",
        ]
        return PRELUDE + "\n".join([*known, program("apply"), DECODE, f"main() {{\n{self._body()}\n}}", "main"])

    def _body(self) -> str:
        """Nothing is swapped before everything is checked and staged; from the first swap on a failure undoes all."""
        files = self.plan.files
        checks = [f"precheck {quote(file.change.path)} {_before(file)} || return 0" for file in files]
        stages = [self._stage(file) for file in files if file.change.after is not None]
        otherwise = "|| { undo; return 0; }"
        swaps = [f"swap {_names(file)} {otherwise}" for file in files]
        acts = [f"{self._act(action)} {otherwise}" for action in self.plan.actions]
        last = [f"{self._settle()} {otherwise}", f"await {CONFIRM_WITHIN}" if self.wait else "confirm"]
        return "\n".join([*checks, *stages, "state=open", *swaps, *acts, *last])

    def _stage(self, file: PlannedFile) -> str:
        assert file.change.after is not None
        has_base64 = "base64" in self.snapshot.machine.tools
        payload = here_document(file.change.after, has_base64=has_base64)  # of the group, not of `return`
        return f"{{ stage {_names(file)} || return 0; }}{payload}"

    def _nginx_log(self) -> str:
        """Where nginx says that a reload did not take."""
        nginx, tree = self.snapshot.live_nginx, self.snapshot.nginx_tree
        if nginx is None or isinstance(tree, Unknown):
            return ""
        return next((log.path for log in nginx_paths.error_logs(tree.root, nginx.build) if log.path), "")

    def _act(self, action: UnitAction) -> str:
        nginx = self.snapshot.live_nginx
        reloads_nginx = nginx and nginx.master and action.action == "reload" and action.pid == nginx.master
        log = self._nginx_log() if reloads_nginx else ""
        return f"act {quote(action.unit)} {action.action} {quote(str(action.pid or ''))} {quote(log)}"

    def _settle(self) -> str:
        units = [action.unit for action in self.plan.actions if action.unit]
        seconds = self.settle if self.settle is not None else settle_seconds(self.plan.actions)
        return " ".join([f"settle {seconds:g}", *(quote(unit) for unit in units)])


def settle_seconds(actions: Sequence[UnitAction]) -> float:
    """How long a unit must stay up before it is believed: a start proves nothing, a reload little."""
    acts = {action.action for action in actions}
    if acts & {"start", "restart"}:
        return SETTLE_AFTER_START
    return SETTLE_AFTER_RELOAD if "reload" in acts else 0


def _before(file: PlannedFile) -> str:
    return file.change.before.sha256 if file.change.before else "absent"


def _names(file: PlannedFile) -> str:
    after = "absent" if file.change.after is None else hashlib.sha256(file.change.after).hexdigest()
    return f"{quote(file.change.path)} {_before(file)} {after}"


def restore_script(snapshot: Snapshot, plan: Plan, run: str) -> str:
    """The same transaction as a script for `sh -s` that confirms itself: it needs nobody's help."""
    return f"{{\n{Program(snapshot, plan, run, wait=False).text}\n}} </dev/null\n"
