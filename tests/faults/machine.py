"""What can happen to runs on one host, in any order, against a model of what must then stand in its files."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from remediations.changes.unit import UnitAction
from remediations.transaction.program import HOME
from tests.faults.disks import EXT4_STRICT, Disk, images, make, read_sparse, write_sparse
from tests.faults.invariants import File, Operation, names_below, read
from tests.faults.layers import state
from tests.faults.mounts import loop_device, mounted
from tests.faults.namespace import in_private
from tests.faults.plans import NONCE, UNIT, Planned
from tests.faults.world import FOLDERS, World

FULL, QUICK = (500, 30), (15, 8)
"""Sequences, and the most steps of one."""
PATHS = tuple(f"/etc/nginx/{name}" for name in "abc")
RELOAD = (UnitAction("by-hand", UNIT, "reload", "", pid=100),)
Files = Mapping[str, File | None]


class Host(RuleBasedStateMachine):
    """`stands` is what must be in the files once no run is open; `told` the last word on each run."""

    def __init__(self) -> None:
        super().__init__()
        self.stack, self.boots, self.count = ExitStack(), 0, 0
        self.folder = self.stack.enter_context(images())
        self.inner = self.stack.enter_context(ExitStack())
        self.open, self.alive, self.planned, self.foreign = "", False, Planned(()), False
        self.told: dict[str, str] = {}
        make(EXT4_STRICT, self.folder / "0")
        self._mount(self.folder / "0")
        for number, path in enumerate(PATHS[:2]):
            File(b"old %d\n" % number, 0o640, (0, 33)).write(Path(path))
        self.stands: Files = now()
        self.disk.sync()
        self._power_on()

    def teardown(self) -> None:
        self.stack.close()

    def _mount(self, image: Path) -> None:
        root = self.folder / f"root{self.boots}"
        root.mkdir()
        device = self.inner.enter_context(loop_device(image))
        self.inner.enter_context(mounted(device, root, "ext4", options=EXT4_STRICT.options))
        self.disk = Disk(EXT4_STRICT, root, image, device)
        self.world = self.inner.enter_context(World(root, self.folder / f"scratch{self.boots}"))

    def _power_on(self) -> None:
        self.world.unit(UNIT, live=PATHS)
        Path("/run/nginx.log").symlink_to(self.world.state / "error.log")
        self.world.start_services()

    # What can happen

    @rule(data=st.binary(min_size=1, max_size=9), kind=st.sampled_from(["edit", "all", "turn"]))
    def start(self, data: bytes, kind: str) -> None:
        """Another run, also where one is open: then it is told so, and where that one is dead it ends it first."""
        self.count += 1
        was_open, run = self.open, f"20261122T{130000 + self.count}Z-7f3a9c"
        before = now()
        planned = Planned(changes(before, data, kind), run, actions=RELOAD, validators=(), more={"confirm_within": 300})
        Path("/run/remediate/begin.sh").write_text(planned.text())
        said = self._ask("sh", "/run/remediate/begin.sh")
        self.told[run] = said
        if said == "await":
            assert not was_open or self._state(was_open) in ("ROLLED_BACK", "NEEDS_HUMAN"), was_open
            if was_open and self._state(was_open) == "NEEDS_HUMAN":
                self.stands = before  # left as somebody wrote it, and the new run was planned on that
            self.open, self.alive, self.planned, self.foreign = run, True, planned, False
        elif was_open and self._state(was_open) not in ("AWAIT",):
            self._closed()
        assert said in ("await", "refused", "locked"), said

    @precondition(lambda self: self.open)
    @rule()
    def confirm(self) -> None:
        self._word("confirm", self.open, NONCE)

    @precondition(lambda self: self.open)
    @rule()
    def confirm_wrongly(self) -> None:
        assert self._ask("sh", self._program(self.open), "confirm", self.open, "wrong") != "committed"

    @precondition(lambda self: self.open)
    @rule()
    def abort(self) -> None:
        self._word("abort", self.open)

    @precondition(lambda self: self.open)
    @rule(unit_ends=st.booleans())
    def kill(self, unit_ends: bool) -> None:
        """All of its processes; then its unit's end, or, where that was killed too, nobody until somebody comes."""
        self.world.kill_services()
        self.alive = False
        if unit_ends:
            self.world.after_stop(f"remediate-{self.open}")
            self._closed()

    @rule()
    def cut_the_power(self) -> None:
        """And boot again."""
        cut = self.disk.cut()
        self.inner.close()
        self.boots += 1
        image = self.folder / str(self.boots)
        write_sparse(image, read_sparse(cut), EXT4_STRICT.size)
        self.inner = self.stack.enter_context(ExitStack())
        self._mount(image)
        self._power_on()
        self.world.boot()
        self._closed()

    @rule(path=st.sampled_from(PATHS), data=st.binary(max_size=9))
    def edit_by_hand(self, path: str, data: bytes) -> None:
        """Durably, and where no run is open it is what stands."""
        with open(path, "wb") as file:
            file.write(b"theirs " + data)
            os.fsync(file.fileno())
        os.chmod(path, 0o644)
        if self.open:
            self.foreign |= path in [each.path for each in self.planned.operations]
        if not self.open or path not in [each.path for each in self.planned.operations]:
            self.stands = {**self.stands, path: read(path)}
        self.disk.sync()

    @precondition(lambda self: not self.alive)
    @rule()
    def recover(self) -> None:
        """Of a run that lives it would wait for the end."""
        for run in [self.open] if self.open else sorted(self.told)[-1:]:
            self._ask("sh", self._program(run), "recover")
        if self.open and self._state(self.open) != "AWAIT":
            self._closed()

    # What must be

    def _word(self, verb: str, run: str, *words: str) -> None:
        said = self._ask("sh", self._program(run), verb, run, *words)
        assert self._state(run).lower() == said, (verb, said, self._state(run))
        if said == "committed":
            assert not self.foreign, "confirmed over somebody's edit"
            self.stands = {**self.stands, **{each.path: each.after for each in self.planned.operations}}
        self.told[run] = said
        self._closed()

    def _closed(self) -> None:
        """No run is open: all is as it stands, or somebody else has written and a person is asked."""
        ended = self._state(self.open) if self.open else "REFUSED"
        assert ended in ("COMMITTED", "ROLLED_BACK", "REFUSED", *(("NEEDS_HUMAN",) if self.foreign else ())), ended
        if ended == "NEEDS_HUMAN":
            self.stands = now()
        assert now() == self.stands, (ended, now(), self.stands)
        asked = [run for run in self.told if self._state(run) == "NEEDS_HUMAN"]
        beside = [path for path in names_below(FOLDERS[:2]) if ".remediate-" in path]
        assert all(any(run in path for run in asked) for path in beside), beside
        for run, said in self.told.items():
            assert said not in ("committed", "rolled_back") or self._state(run).lower() == said, (run, said)
        self.open, self.alive = "", False

    def _ask(self, *words: str) -> str:
        states = [line for line in self.world.run(*words).stdout.decode().splitlines() if line.startswith("state ")]
        return states[-1].removeprefix("state ") if states else "unknown"

    def _program(self, run: str) -> str:
        return f"{HOME}/txn/{run}/program.sh"

    def _state(self, run: str) -> str:
        return state(Path(HOME, "txn", run)) or "REFUSED"


def now() -> dict[str, File | None]:
    return {path: read(path) for path in PATHS}


def changes(files: Files, data: bytes, kind: str) -> tuple[Operation, ...]:
    """Edits of what is there, or of all; `turn` takes away what is there and creates what is not."""
    return tuple(
        Operation(path, before, _after(before, data, kind))
        for path, before in files.items()
        if before or kind != "edit"
    )


def _after(before: File | None, data: bytes, kind: str) -> File | None:
    if before is None:
        return File(b"made " + data)
    return None if kind == "turn" else File(b"new " + before.data[-4:] + data, before.mode, before.owner)


def sequences(examples: int, steps: int) -> int:
    """How many were run; raises with the shortest sequence that breaks something."""
    in_private(lambda: _search(examples, steps))
    return examples


def _search(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        verbosity=Verbosity.normal,
    )
    run_state_machine_as_test(Host, settings=chosen)
