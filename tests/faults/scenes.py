"""The real program's runs as scenes: confirmed, aborted, forgotten, refused by the daemon or a validator, undone."""

import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from remediations.transaction.program import HOME
from tests.faults.invariants import TERMINAL, Broken, File, Outcome, check, check_served
from tests.faults.layers import FOLDER, Layer, by_boot, by_hand, by_next, by_stop, state
from tests.faults.plans import BACKWARD, ENABLE, FORWARD, LINKS, MADE, MAIN, NONCE, NOTE, RUN, UNIT, Planned
from tests.faults.shells import DASH, Shell
from tests.faults.sweep import Cut, Scene
from tests.faults.tracing import TRACE
from tests.faults.world import FOLDERS, World

PROGRAM = f"{HOME}/txn/{RUN}/program.sh"
CONFIRM = f"sh {PROGRAM} confirm {RUN} {NONCE}"
ABORT = f"sh {PROGRAM} abort {RUN}"
WAIT = f"while [ -e {HOME}/txn/{RUN}/busy ]; do sleep 0.05; done; sh {PROGRAM} report {RUN}"
WANTED = Path(f"/etc/systemd/system/sysinit.target.wants/remediate-{RUN}-boot.service")
CURRENT = Path(HOME, "current")
DRIVER = Path("/run/remediate/drive.sh")
BOGUS = File(b"bogus\n", 0o640, (0, 33), NOTE)
REFUSED_BY_NGINX = tuple(replace(each, after=BOGUS) if each.path == MAIN else each for each in FORWARD)


@dataclass(frozen=True)
class Course:
    """What is planned, what the other side says once it has begun, and the state in which it ends undisturbed."""

    name: str
    words: str
    ends: str
    planned: Planned = field(default_factory=Planned)


COMMIT = Course("commit", CONFIRM, "COMMITTED")
ABORTED = Course("abort", ABORT, "ROLLED_BACK")
SILENCE = Course("deadline", WAIT, "ROLLED_BACK", Planned(more={"confirm_within": 1}))
NOT_TAKEN = Course("reload not taken", CONFIRM, "ROLLED_BACK", Planned(REFUSED_BY_NGINX, validators=()))
NOT_VALID = Course("does not validate", CONFIRM, "ROLLED_BACK", Planned(REFUSED_BY_NGINX))
UNDO = Course("undo", CONFIRM, "COMMITTED", Planned(BACKWARD, undoes=True))
UNDO_ABORTED = Course("abort of an undo", ABORT, "ROLLED_BACK", Planned(BACKWARD, undoes=True))
SWITCHED = Course("enable", CONFIRM, "COMMITTED", Planned((), actions=ENABLE, enables=True))
SWITCHED_BACK = Course("abort of an enable", ABORT, "ROLLED_BACK", Planned((), actions=ENABLE, enables=True))
COURSES = (COMMIT, ABORTED, SILENCE, NOT_TAKEN, NOT_VALID, UNDO, UNDO_ABORTED, SWITCHED, SWITCHED_BACK)


@dataclass(frozen=True)
class Setting:
    """Under which shell, with what installed, who recovers, and with what changed in the program."""

    course: Course = COMMIT
    layer: Layer | None = None
    shell: Shell = DASH
    systemd: bool = True
    hidden: tuple[str, ...] = ()
    edit: Callable[[str], str] | None = None
    kept: Path | None = None
    """Where the trace of each recovery is left, if there is one."""

    @property
    def scene(self) -> Scene:
        return Scene(
            ("-c", f"sh {DRIVER}; {self.course.words}"),
            self._prepare,
            self._units,
            self._recover,
            self._judge,
            told,
            self.shell,
            systemd=self.systemd,
            hidden=self.hidden,
        )

    def _prepare(self, _: World) -> None:
        self.course.planned.write_before()
        DRIVER.write_text(self.course.planned.text(self.edit))

    def _units(self, world: World) -> None:
        live = [each.path for each in self.course.planned.operations] or [MAIN]
        world.unit(UNIT, live=live, LimitNOFILE="4096")
        Path("/run/nginx.log").symlink_to(world.state / "error.log")
        world.start_services()

    def _recover(self, world: World, cut: Cut) -> None:
        armed = WANTED.is_symlink()
        (self.layer or (by_boot if cut.rebooted else by_stop))(world)
        if state() == "NEW":  # nothing has been touched yet: it has no one to end it, and needs none
            by_next(world)
        elif state() in TERMINAL and CURRENT.exists() and not armed and not self._tidies(cut):
            by_hand(world)  # cut off in its last clean-up: the next run, or a person, ends that

    def _tidies(self, cut: Cut) -> bool:
        """The unit's end does so always; a timer or a boot unit that is gone already does not."""
        return not cut.rebooted and self.layer in (None, by_stop)

    def _judge(self, world: World, cut: Cut) -> Sequence[Broken]:
        if self.kept and TRACE.exists():
            shutil.copy(TRACE, self.kept / uuid.uuid4().hex)
        planned = self.course.planned
        now = state() or (cut.told if cut.told == "REFUSED" else None)  # told before anything was kept
        stays = known(planned) | (frozenset(LINKS) if planned.enables and now == "COMMITTED" else frozenset())
        outcome = Outcome(planned.operations, now, cut.told, known=stays, step=cut.step)
        broken = [
            *check(outcome, FOLDERS),
            *check_served(outcome, world.serves(UNIT)),
            *self._waiting(world, now, cut),
        ]
        if now == "COMMITTED" and planned.undoes:
            broken += [
                Broken("I8", each, "made by the run that is undone", cut.step) for each in MADE if Path(each).exists()
            ]
        if planned.enables and now == "COMMITTED" and not Path(LINKS[-1]).is_symlink():
            broken.append(Broken("I3", LINKS[-1], "state COMMITTED, and it is not there", cut.step))
        if cut.step == "the end" and (cut.told, now) != (self.course.ends, self.course.ends):
            broken.append(Broken("I9", "", f"told {cut.told}, state {now}, not {self.course.ends}", cut.step))
        return broken

    def _waiting(self, world: World, now: str | None, cut: Cut) -> list[Broken]:
        """Once it has ended no timer waits for it and no later run takes it for open."""
        if now not in TERMINAL:
            return []
        left = [f"{timer}.timer" for timer in world.timers()]
        inner = (FOLDER / "busy",) if self._tidies(cut) else ()
        left += [str(path) for path in (CURRENT, *inner) if path.exists()]
        return [Broken("I8", each, f"still there in state {now}", cut.step) for each in left]


def known(planned: Planned) -> frozenset[str]:
    """What was there before and stays whatever comes."""
    there = [each.path for each in planned.operations if each.before]
    return frozenset(
        str(folder) for path in (*there, *(f"{top}/x" for top in FOLDERS)) for folder in Path(path).parents
    )


def told(output: bytes) -> str | None:
    """The last state that the other side was told, where it is one that lasts."""
    states = [line[6:].decode().upper() for line in output.splitlines() if line.startswith(b"state ")]
    return states[-1] if states and states[-1] in TERMINAL else None
