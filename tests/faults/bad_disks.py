"""The real program on a disk that is full, says no once, or turns read-only: all or nothing there, too."""

import errno
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from remediations.transaction.program import HOME
from tests.faults.disks import EXT4_DEFAULT, KILL, Disk, disk, images
from tests.faults.invariants import Broken
from tests.faults.layers import by_hand, by_timer, state
from tests.faults.namespace import in_parallel, in_private
from tests.faults.plans import RUN
from tests.faults.scenes import ABORTED, COMMIT, CURRENT, PROGRAM, Course, Setting
from tests.faults.stepper import Stepper, Stuck
from tests.faults.sweep import Cut, Result, recovered
from tests.faults.world import World

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
BALLAST = Path(HOME, "ballast")
FILL = f"head -c 64M /dev/zero >{BALLAST} 2>/dev/null"
BUSY = f"[ -e {HOME}/txn/{RUN}/busy ] && [ $n -lt 150 ]"
ENDED = f"n=0; while {BUSY}; do n=$((n + 1)); sleep 0.1; done; sh {PROGRAM} report {RUN}"
SOON = {"confirm_within": 2}
KIB = 1024
SMALL = replace(KILL, make=(*KILL.make, "-m", "0"))
"""No blocks for root alone: what df shows as free can be had."""
DAMAGED = replace(EXT4_DEFAULT, name="read-only", options="errors=remount-ro", eager=False)
UNTIL_THE_BOOT = 5.0
"""Seconds that a run has from its start until the host is switched off: on such a disk it may wait for long."""
DONE = (None, "COMMITTED", "ROLLED_BACK", "REFUSED")


@dataclass(frozen=True)
class Point:
    """At which call the kernel says no, or how many KiB are free from the first one on, or from AWAIT on."""

    course: Course
    step: int = 0
    error: int = 0
    free: int | None = None

    def __str__(self) -> str:
        room = f"{self.free} KiB free, " if self.free is not None else ""
        what = f"{errno.errorcode[self.error]} at " if self.error else room
        return f"{self.course.name}, {what}step {self.step}"


@dataclass(frozen=True)
class Seen:
    """What came of one point; `asked` where a person was asked to look."""

    broken: tuple[Broken, ...]
    asked: bool


def patient(course: Course) -> Course:
    """The same, waiting for an end that may come late; nobody's word is the last one."""
    planned = replace(course.planned, more={**course.planned.more, **SOON})
    return replace(course, words=f"{course.words} | grep -v ^state; {ENDED}", planned=planned)


COURSES = (patient(COMMIT), patient(ABORTED))
FULL_IN_AWAIT = tuple(
    replace(course, words=f"{FILL}; {course.words}", name=f"{course.name}, full in AWAIT") for course in COURSES
)


def refusals(every: int, workers: int = 2) -> Result:
    """Each call fails once with each of the errors; for a quick look one in `every`."""
    points = []
    for course in COURSES:
        steps = in_private(partial(_count, course))
        points += [Point(course, step, error) for step in range(1, steps + 1) for error in ERRORS]
    return at(points[::every], workers)


def levels(count: int = 60, workers: int = 2) -> Result:
    """Full by steps of 2 KiB, from nothing free at all; then full from the moment on when the run awaits its word."""
    step = max(1, 60 // count)
    points = [Point(course, free=level * 2) for course in COURSES for level in range(0, 60, step)]
    return at([*points, *(Point(course, free=None) for course in FULL_IN_AWAIT)], workers)


def read_only(every: int, workers: int = 2) -> Result:
    """At a call ext4 finds itself damaged and takes no writes any more; the run goes on until the host is booted."""
    points = [point for course in (COMMIT, ABORTED) for point in calls(Setting(course))]
    return turned(points[::every], workers)


def calls(setting: Setting) -> list[tuple[Setting, int]]:
    """The setting at each call that changes a file."""
    return [(setting, step) for step in range(1, in_private(partial(_count, setting.course)) + 1)]


def turned(points: Sequence[tuple[Setting, int]], workers: int) -> Result:
    found = in_parallel(_turned, points, workers)
    return Result(len(found), len(found), tuple(broken for each in found for broken in each))


def _turned(point: tuple[Setting, int]) -> Sequence[Broken]:
    setting, number = point
    scene = setting.scene
    with images() as folder:
        with (
            disk(DAMAGED, folder, folder / "disk") as device,
            World(device.root, folder / "world") as world,
        ):
            scene.prepare(world)
            scene.units(world)
            device.sync()
            with suppress(Stuck), world.step("sh", *scene.words, timeout=UNTIL_THE_BOOT) as tree:
                for step in tree:
                    if step.number == number:
                        _damage(device)
            cut = Cut(device.cut(), f"{setting.course.name}, read-only at step {number}", scene.told(tree.stdout), True)
        return recovered(scene, DAMAGED, folder, cut)


def _damage(device: Disk) -> None:
    Path("/sys/fs/ext4", Path(device.device).name, "trigger_fs_error").write_text("a test\n")
    with suppress(OSError):
        (device.root / "written").touch()
        raise AssertionError(f"{device.device} still takes writes")


def at(points: Sequence[Point], workers: int) -> Result:
    seen = in_parallel(_look, points, workers)
    return Result(len(points), sum(each.asked for each in seen), tuple(b for each in seen for b in each.broken))


def _count(course: Course) -> int:
    steps: list[int] = []
    _lived(Point(course), lambda tree: steps.extend(step.number for step in tree))
    return steps[-1]


def _look(point: Point) -> Seen:
    return _lived(point, partial(_fail_once, point))


def _fail_once(point: Point, tree: Stepper) -> None:
    for step in tree:
        if step.number == point.step:
            tree.fail(point.error)


def _lived(point: Point, through: Callable[[Stepper], None]) -> Seen:
    """The whole run on a disk of its own, and then what the timer, and a person where it must be, make of it."""
    setting = Setting(point.course)
    scene = setting.scene
    with (
        images() as folder,
        disk(SMALL, folder, folder / "disk") as device,
        World(device.root, folder / "world") as world,
    ):
        scene.prepare(world)
        scene.units(world)
        BALLAST.touch()
        if point.free is not None:
            _leave(point.free)
        with world.step("sh", *scene.words, timeout=120) as tree:
            through(tree)
        cut = Cut(Path(), str(point), scene.told(tree.stdout), False)
        by_timer(world)
        asked = state() == "NEEDS_HUMAN"
        if state() not in DONE or CURRENT.exists():
            _make_room(world)
        return Seen(tuple(_judged(scene.judge(world, cut), asked)), asked)


def _make_room(world: World) -> None:
    BALLAST.unlink(missing_ok=True)
    by_hand(world)


def _judged(broken: Sequence[Broken], asked: bool) -> Sequence[Broken]:
    """Where the disk refuses to put a file back a person is asked; the run says so, and that is its end."""
    return [each for each in broken if not (asked and each.invariant == "I7")]


def _leave(free: int) -> None:
    """So many KiB more than not one block that can be had: ext4 keeps some back, which statvfs counts as free."""
    subprocess.run(["sh", "-c", FILL], check=False)
    os.truncate(BALLAST, BALLAST.stat().st_size - free * KIB)
