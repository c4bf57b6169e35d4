"""The plans that the real program is swept with: what stands before, what after, and the data files that are sent."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.facts.files import HostFile
from remediations.facts.processes import Process
from remediations.facts.validation import Validator
from remediations.plan import Expectation, Plan, PlannedFile
from remediations.remote import program
from remediations.transaction.program import HOME, PARTS, Program
from tests.builders import nginx_snapshot
from tests.faults.invariants import File, Operation

RUN = "20261122T130500Z-7f3a9c"
EARLIER = "20261122T120000Z-000001"
NONCE = "0123456789abcdef"
UNIT = "nginx.service"
MAIN, SITE, GONE = "/etc/nginx/nginx.conf", "/etc/nginx/sites/shop", "/etc/nginx/conf.d/gone.conf"
CREATED = "/etc/nginx/made/deep/created.conf"
MASTER = Process(100, 1, 0, 1, "nginx", "nginx: master process nginx", None)
DROP_IN = "/etc/systemd/system/nginx.service.d/limits.conf"
NGINX_CONF = b"error_log /run/nginx.log;\npid /run/nginx.pid;\nevents {}\nhttp { include conf.d/*.conf; }\n"
NOTE = {"user.note": b"mine"}

FORWARD = (
    Operation(MAIN, File(NGINX_CONF, 0o640, (0, 33), NOTE), File(NGINX_CONF + b"# new\n", 0o640, (0, 33), NOTE)),
    Operation(SITE, File(b"# the old site\n"), File(b"# the new site\n" * 50)),
    Operation(GONE, File(b"# an old one\n", 0o600, (33, 33), NOTE), None),
    Operation(CREATED, None, File(b"# a new one\n")),
    Operation(DROP_IN, None, File(b"[Service]\nLimitNOFILE=4096\n")),
)
MADE = ("/etc/nginx/made/deep", "/etc/nginx/made", "/etc/systemd/system/nginx.service.d")
"""The folders that FORWARD makes, the innermost first."""

BACKWARD = tuple(Operation(each.path, each.after, each.before) for each in reversed(FORWARD))
ACTIONS = (UnitAction("by-hand", "", "daemon-reload", ""), UnitAction("by-hand", UNIT, "reload", "", pid=100))
ENABLE = (UnitAction("by-hand", UNIT, "enable", ""),)
LINKS = ("/etc/systemd/system/multi-user.target.wants", f"/etc/systemd/system/multi-user.target.wants/{UNIT}")
"""What ENABLE makes."""
VALIDATOR = Validator("nginx -t", ("validate", UNIT), MAIN)


@dataclass(frozen=True)
class Planned:
    """The operations of a run and how the program is told of them; `undoes` where it puts an earlier run back,
    `enables` where it makes LINKS.
    """

    operations: Sequence[Operation] = FORWARD
    run: str = RUN
    undoes: bool = False
    enables: bool = False
    actions: Sequence[UnitAction] = ACTIONS
    validators: Sequence[Validator] = (VALIDATOR,)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        files = tuple(PlannedFile(_change(each), ("by-hand",)) for each in self.operations)
        expected = (Expectation(UNIT, "LimitNOFILE", "4096"),) if self.operations == FORWARD else ()
        plan = Plan("web1", files, tuple(self.actions), expectations=expected)
        told: dict[str, Any] = {"settle": 0, "proven": True, "validators": tuple(self.validators), "nonce": NONCE}
        if self.undoes:
            told |= {"like": _like(self.operations), "emptied": MADE, "what": f"undo {EARLIER}"}
        snapshot = replace(nginx_snapshot({MAIN: NGINX_CONF}), processes={MASTER.pid: MASTER})
        return Program(snapshot, plan, self.run, **(told | dict(self.more)))

    @property
    def folder(self) -> Path:
        return Path(HOME, "txn", self.run)

    def write_before(self) -> None:
        """The host as the plan found it, with the journal of the run that an undo takes its images from."""
        for folder in {os.path.dirname(each.path) for each in self.operations if each.before or not self.undoes}:
            if folder not in MADE:
                Path(folder).mkdir(parents=True, exist_ok=True)
        for each in self.operations:
            if each.before:
                each.before.write(Path(each.path))
        if self.undoes:
            _write_journal(Path(HOME, "txn", EARLIER))

    def lay_down(self) -> None:
        """The run's folder, as if it had been sent."""
        for name, data in self.program.files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)

    def text(self, edit: Callable[[str], str] | None = None) -> str:
        """What is sent to the host, word for word; `edit` changes a part of the program in it."""
        whole = edit or (lambda text: text)
        with patch("remediations.transaction.program.program", lambda part: whole(program(part))):
            text = self.program.text
        if edit and not any(edit(program(part)) != program(part) for part in PARTS):
            raise AssertionError("the text that was to be changed is not in the program")
        return text


def _change(operation: Operation) -> FileChange:
    before, after = operation.before, operation.after
    old = None
    if before is not None:
        owner, mode = before.owner, f"{before.mode:o}"
        old = HostFile(operation.path, operation.path, before.data, mode, *owner, 1, "1:1", 0.0, 0.0)
    return FileChange("by-hand", operation.path, old, None if after is None else after.data)


def _like(operations: Sequence[Operation]) -> dict[str, str]:
    """Files that come again get what their before-images have."""
    numbers = {each.path: number for number, each in enumerate(FORWARD, 1)}
    images = Path(HOME, "txn", EARLIER, "before")
    return {each.path: str(images / str(numbers[each.path])) for each in operations if each.after}


def _write_journal(folder: Path) -> None:
    """What an undo reads of the earlier run."""
    for number, operation in enumerate(FORWARD, 1):
        if operation.before:
            operation.before.write(folder / "before" / str(number))
    (folder / "made").write_text("".join(f"{each}\n" for each in reversed(MADE)))
    for name in ("run", "ops", "acts", "state.COMMITTED"):
        (folder / name).touch()
