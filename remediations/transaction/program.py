"""The transaction as it is sent to a host: the program in remote/ and the plan as data files beside it."""

from __future__ import annotations

import getpass
import hashlib
import secrets
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from remediations.changes.unit import UnitAction
from remediations.editors import nginx_paths
from remediations.facts.base import PRELUDE, Unknown
from remediations.facts.files import HostFile, new_file
from remediations.facts.validation import Validator
from remediations.host import topology
from remediations.payload import DECODE, here_document
from remediations.plan import Plan, PlannedFile
from remediations.quoting import quote
from remediations.remote import program
from remediations.snapshot import Snapshot

HOME = "/var/lib/remediate"
"""Where a host keeps its runs; the same in remote/transaction.sh."""

CONFIRM_WITHIN = 120
SETTLE_AFTER_START = 5
SETTLE_AFTER_RELOAD = 2

PARTS = ("transaction", "files", "units")


@dataclass(frozen=True)
class Program:
    """`run` names the transaction; `settle` in seconds, None for what the actions call for.

    `reads` are the files, by hash, that the plan was proven with. `unproven` are the validators that could not judge
    the plan in private: they are compared before and after the swap. `validators` judge the live files by their exit
    code, before anything is reloaded. The host waits `confirm_within` seconds for `confirm` or `abort` and then undoes
    by itself; with `confirm_itself` the program that is sent confirms at once, for it needs nobody's help.
    `emptied` are folders that go where they end up empty. `like` says, by path on the host, whose mode, owner, ACL and
    extended attributes a file gets; by default those of the file that it replaces, a created one root's, 644.
    `what` names the run in the host's journal where the plan's remediations do not.
    """

    snapshot: Snapshot
    plan: Plan
    run: str
    settle: float | None = None
    baseline_valid: bool = True
    proven: bool = False
    validators: tuple[Validator, ...] = ()
    reads: tuple[HostFile, ...] = ()
    confirm_within: int = CONFIRM_WITHIN
    confirm_itself: bool = False
    wait_lock: int = 0
    emptied: tuple[str, ...] = ()
    models: tuple[HostFile, ...] = ()
    like: dict[str, str] = field(default_factory=dict, hash=False)
    what: str = ""
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def text(self) -> str:
        """Lays the run's folder down, starts it, and waits until it awaits a confirmation or has ended."""
        folder = f"{HOME}/txn/{self.run}"
        new = quote(f"{folder}.tmp")
        begin = f"sh {quote(folder)}/program.sh"
        lines = [
            f"umask 077; mkdir -p {new}/after && cd {new} || {{ echo 'refused nothing can be written to {HOME}'; "
            "echo 'state refused'; return 0; }",
            *(f"decode >{quote(name)}{self._payload(data)}" for name, data in self.files.items()),
            "sha256sum -c >/dev/null 2>&1 <<'SUMS' && { sync -- * after/* 2>/dev/null || sync; } && "
            f"cd .. && mv -T {new} {quote(folder)} && {{ sync -- . || sync; }} "
            "|| { echo 'refused the plan cannot be kept on the host'; echo 'state refused'; return 0; }",
            f"{self._sums}SUMS",
            f"{begin} start {self.run}",
            f"{begin} begun {self.run}",
            *([f"{begin} confirm {self.run} {self.nonce}"] if self.confirm_itself else []),
        ]
        return PRELUDE + DECODE + "\n".join(["lay_down() {", *lines, "}", "lay_down"])

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The run's folder: what remote/transaction.sh says at its head. Values are data, never code."""
        parts = {
            "program.sh": "\n".join(program(part) for part in PARTS),
            "run": self._run,
            "ops": _lines(self._op(number, file) for number, file in enumerate(self.plan.files, 1)),
            "acts": _lines(self._act(action) for action in self.plan.actions),
            "expect": _lines(f"{e.unit} {e.property} {e.value}" for e in self.plan.expectations),
            "reads": _lines(f"{file.sha256}  {file.real_path}" for file in self.reads),
            "validators": "".join(_validator(one) for one in self.validators),
            "emptied": _lines(self.emptied),
            "busy": "",
            "state.NEW": "",
        }
        if self.like:
            numbered = {file.change.path: number for number, file in enumerate(self.plan.files, 1)}
            parts["like"] = _lines(f"{numbered[path]} {model}" for path, model in self.like.items())
        laid = {name: text.encode(errors="surrogateescape") for name, text in parts.items()}
        after = ((number, file.change.after) for number, file in enumerate(self.plan.files, 1))
        return laid | {f"after/{number}": data for number, data in after if data is not None}

    @property
    def _sums(self) -> str:
        """A disk that is full cuts a file off; a plan with less in it than was shown must never begin."""
        return _lines(f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in self.files.items())

    @property
    def settle_for(self) -> float:
        """For how many seconds the units that were touched are watched."""
        return settle_seconds(self.plan.actions) if self.settle is None else self.settle

    @property
    def _run(self) -> str:
        return _lines(
            f"{key} {value}"
            for key, value in {
                "who": getpass.getuser(),
                "from": socket.gethostname() or "?",
                "what": self.what or ",".join(self.plan.remediations),
                "nonce": self.nonce,
                "baseline": "valid" if self.baseline_valid else "invalid",
                "proven": "yes" if self.proven else "",
                "settle": f"{self.settle_for:g}",
                "confirm_within": self.confirm_within,
                "wait_lock": self.wait_lock,
                "nginx_log": _nginx_log(self.snapshot),
                "nginx_pid_file": _nginx_pid_file(self.snapshot),
            }.items()
        )

    def _payload(self, data: bytes) -> str:
        return here_document(data, has_base64="base64" in self.snapshot.machine.tools)

    def _op(self, number: int, file: PlannedFile) -> str:
        path, before, after = file.change.path, file.change.before, file.change.after
        model = next((each for each in self.models if each.real_path == path), new_file(path))
        hashes = f"{before.sha256 if before else 'absent'} {_hash(after)}"
        return f"{number} {hashes} {model.mode} {model.uid}:{model.gid} {path}"

    def _act(self, action: UnitAction) -> str:
        kind = "nginx" if _is_nginx(self.snapshot, action) else "other"
        title = action.identity or ("-" if action.unit else _title(self.snapshot, action.pid))
        short, long = action.limits
        return f"{action.action} {action.pid or 0} {kind} {short} {long} {action.unit or '-'} {title}"


def settle_seconds(actions: Sequence[UnitAction]) -> float:
    """How long a unit must stay up before it is believed: a start proves nothing, a reload little."""
    acts = {action.action for action in actions}
    if acts & {"start", "restart"}:
        return SETTLE_AFTER_START
    return SETTLE_AFTER_RELOAD if "reload" in acts else 0


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _validator(validator: Validator) -> str:
    by, patterns = ("text", validator.relevant) if validator.relevant else ("exit", validator.also_bad)
    return _lines(
        [
            f"name {validator.name}",
            f"by {by}",
            *(f"pattern {line}" for line in patterns.splitlines()),
            *(f"word {word}" for word in validator.words),
            "",
        ]
    )


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
    return process.title if process else "-"


def _hash(data: bytes | None) -> str:
    return "absent" if data is None else hashlib.sha256(data).hexdigest()
