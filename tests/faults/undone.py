"""The undo code led down each of its ways: undisturbed courses, meddling, cut power; and what of it then has run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.faults import moments, tracing
from tests.faults.at_once import AT_ONCE
from tests.faults.cases import NO_EXCHANGE
from tests.faults.disks import KILL, disk, images
from tests.faults.invariants import Broken, Outcome, check, check_served
from tests.faults.layers import FOLDER, by_hand, by_timer, state
from tests.faults.meddling import MEDDLINGS, Meddling
from tests.faults.namespace import in_parallel
from tests.faults.plans import MASTER, UNIT, Planned
from tests.faults.scenes import ABORTED, COURSES, Setting, known
from tests.faults.shells import BASH
from tests.faults.sweep import Cut
from tests.faults.tracing import Decision
from tests.faults.world import FOLDERS, World


@dataclass(frozen=True)
class Walk:
    """One run without a kill. `meddling` where somebody else writes in AWAIT."""

    setting: Setting
    meddling: Meddling | None = None


@dataclass(frozen=True)
class Walked:
    name: str
    broken: tuple[Broken, ...]
    trace: str


@dataclass(frozen=True)
class Report:
    """Lines and arms of a `case` that never ran, and decisions that were seen to go one way alone, or not at all."""

    lines: int
    arms: int
    decisions: int
    never: tuple[str, ...]
    one_way: tuple[str, ...]

    @property
    def both(self) -> int:
        return self.decisions - len(self.one_way)


def walks(*, quick: bool = False) -> Iterator[Walk]:
    """`quick`: with exchange, where that makes no difference."""
    for hidden in ((), NO_EXCHANGE):
        for meddling in (*MEDDLINGS, *AT_ONCE):
            if _belongs(meddling, hidden, quick):
                yield Walk(
                    Setting(meddling.course, meddling.layer, systemd=not meddling.daemon, hidden=hidden), meddling
                )
        if not (quick and hidden):
            for course in COURSES:
                yield Walk(Setting(course, by_timer, hidden=hidden))
    yield Walk(Setting(ABORTED, by_hand, systemd=False))


def _belongs(meddling: Meddling, hidden: tuple[str, ...], quick: bool) -> bool:
    if hidden and meddling.daemon:  # the daemon is a program of perl's
        return False
    if meddling.exchange is None:
        return not (quick and hidden)
    return meddling.exchange is not bool(hidden)


def walked(walk: Walk, *, trace: bool = False) -> Walked:
    setting = replace(walk.setting, shell=BASH, edit=tracing.traced) if trace else walk.setting
    with images() as folder, disk(KILL, folder, folder / "disk") as device:
        return _walked(walk, setting, device.root, folder / "world")


def _walked(walk: Walk, setting: Setting, root: Path, scratch: Path) -> Walked:
    scene, meddling = setting.scene, walk.meddling
    with World(root, scratch, shell=setting.shell, systemd=setting.systemd, hidden=setting.hidden) as world:
        scene.prepare(world)
        scene.units(world)
        if meddling and meddling.daemon:
            world.daemon(UNIT, MASTER.title)
        moments.lay(world, meddling.moments if meddling else ())
        done = world.run("sh", *scene.words, timeout=30)
        scene.recover(world, Cut(Path(), "", None, False))
        cut = Cut(Path(), "the end", scene.told(done.stdout), False)
        broken = tuple(_meddled(meddling, world, done.stdout) if meddling else scene.judge(world, cut))
        trace = tracing.TRACE.read_text(errors="replace") if tracing.TRACE.exists() else ""
    return Walked(setting.course.name, broken, trace)


def _meddled(meddling: Meddling, world: World, output: bytes) -> Iterator[Broken]:
    """The state says what is: all old or all new, or a person is asked; nothing that somebody else wrote is gone."""
    now = state()
    for each in moments.missed(world, meddling.moments):
        yield Broken("walk", "", f"it never came to {each.program} {each.words}", meddling.name)
    if now != meddling.ends:
        yield Broken("I7", "", f"state {now}, not {meddling.ends}", meddling.name)
    log = FOLDER / "log"
    if meddling.says.encode() not in output + (log.read_bytes() if log.exists() else b""):
        yield Broken("I9", "", f"{meddling.says!r} was not told", meddling.name)
    outcome = _outcome(meddling, "REFUSED" if now == "LOCKED" else now)
    yield from check(outcome, FOLDERS)
    if meddling.serves:
        yield from check_served(outcome, world.serves(UNIT))


def _outcome(meddling: Meddling, now: str | None) -> Outcome:
    operations = [each for each in meddling.planned.operations if each.path not in meddling.gone]
    lasts = meddling.ends != "NEEDS_HUMAN"
    stays, step = known(meddling.planned), meddling.name
    return Outcome(operations, now, None, meddling.foreign, stays, step=step, ended=lasts)


def traced(workers: int = 2) -> list[Walked]:
    """Every walk once, as bash tells it."""
    return in_parallel(partial(walked, trace=True), list(walks(quick=True)), workers)


def report(told: Sequence[str]) -> Report:
    text = Planned().program.files["program.sh"].decode()
    found = [tracing.read(trace) for trace in told]
    ran = frozenset(line for each in found for line in each.lines)
    lines, decided, arms = tracing.undo_lines(text), tracing.decisions(text), tracing.arms(text)
    never = [f"{number}: {line.strip()}" for number, line in lines.items() if number not in ran]
    never += [f"{arm[0]}: the arm {arm[1]}" for arm in arms if not any(each.ran(arm) for each in found)]
    one_way = tuple(
        f"{each.line}: {each.command}: {_words(ways)}" for each in decided if len(ways := _ways(each, found)) < 2
    )
    return Report(len(lines), len(arms), len(decided), tuple(never), one_way)


def _ways(decision: Decision, found: Sequence[tracing.Trace]) -> frozenset[bool]:
    return frozenset(way for each in found for way in each.ways(decision))


def _words(ways: frozenset[bool]) -> str:
    return {0: "never asked", 1: "always goes on to what stands next" if True in ways else "never goes on"}[len(ways)]
