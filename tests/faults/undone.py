"""The undo code led down each of its ways: undisturbed courses, meddling, cut power; and what of it then has run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.faults import tracing
from tests.faults.cases import NO_EXCHANGE
from tests.faults.disks import EXT4_EAGER, EXT4_STRICT, KILL, disk, images
from tests.faults.invariants import Broken, names_below
from tests.faults.layers import by_hand, by_stop, by_timer, state
from tests.faults.meddling import MEDDLINGS, Meddling
from tests.faults.namespace import in_parallel
from tests.faults.plans import Planned
from tests.faults.scenes import ABORTED, COMMIT, COURSES, Setting
from tests.faults.shells import BASH
from tests.faults.sweep import Cut, sweep
from tests.faults.tracing import Decision
from tests.faults.world import FOLDERS, World

CUT_OFF = (
    (Setting(COMMIT), EXT4_STRICT),
    (Setting(ABORTED), EXT4_EAGER),
    (Setting(ABORTED, by_hand), EXT4_STRICT),
    (Setting(ABORTED, by_hand, hidden=NO_EXCHANGE), EXT4_EAGER),
)


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
    """Lines that never ran, and decisions that were seen to go one way alone, or not at all."""

    lines: int
    decisions: int
    never: tuple[str, ...]
    one_way: tuple[str, ...]

    @property
    def both(self) -> int:
        return self.decisions - len(self.one_way)


def walks(*, quick: bool = False) -> Iterator[Walk]:
    for hidden in ((),) if quick else ((), NO_EXCHANGE):
        for meddling in MEDDLINGS:
            yield Walk(Setting(meddling.course, by_stop, hidden=hidden), meddling)
        for course in COURSES:
            yield Walk(Setting(course, by_timer, hidden=hidden))
    yield Walk(Setting(ABORTED, by_hand, systemd=False))


def walked(walk: Walk, *, trace: bool = False) -> Walked:
    setting = replace(walk.setting, shell=BASH, edit=tracing.traced) if trace else walk.setting
    with images() as folder, disk(KILL, folder, folder / "disk") as device:
        return _walked(walk, setting, device.root, folder / "world")


def _walked(walk: Walk, setting: Setting, root: Path, scratch: Path) -> Walked:
    scene = setting.scene
    with World(root, scratch, shell=setting.shell, systemd=setting.systemd, hidden=setting.hidden) as world:
        scene.prepare(world)
        scene.units(world)
        done = world.run("sh", *scene.words, timeout=120)
        scene.recover(world, Cut(Path(), "", None, False))
        cut = Cut(Path(), "the end", scene.told(done.stdout), False)
        broken = tuple(_meddled(walk.meddling)) if walk.meddling else tuple(scene.judge(world, cut))
        trace = tracing.TRACE.read_text(errors="replace") if tracing.TRACE.exists() else ""
    return Walked(setting.course.name, broken, trace)


def _meddled(meddling: Meddling) -> Iterator[Broken]:
    """A person is asked, and nothing that somebody else wrote is gone."""
    if state() != meddling.ends:
        yield Broken("I7", "", f"state {state()}, not {meddling.ends}", meddling.name)
    kept = [Path(path) for path in names_below((*FOLDERS, "/var/lib/remediate")) if Path(path).is_file()]
    for path, data in meddling.foreign.items():
        if not any(data == file.read_bytes() for file in kept):
            yield Broken("I5", path, "what somebody else wrote is gone", meddling.name)


def traces(workers: int = 2, every: int = 8) -> Sequence[str]:
    """Of every walk, and of what recovers after power cuts."""
    with images() as kept:
        for number, (setting, model) in enumerate(CUT_OFF):
            folder = kept / str(number)
            folder.mkdir()
            told = replace(setting, shell=BASH, edit=tracing.traced, kept=folder)
            sweep(told.scene, model, workers, every if model is EXT4_STRICT else 2 * every)
        cuts = [path.read_text(errors="replace") for path in kept.glob("*/*")]
    return [*cuts, *(each.trace for each in in_parallel(partial(walked, trace=True), list(walks()), workers))]


def report(told: Sequence[str]) -> Report:
    text = Planned().program.files["program.sh"].decode()
    found = [tracing.read(trace) for trace in told]
    ran = frozenset(line for each in found for line in each.lines)
    lines, decided = tracing.undo_lines(text), tracing.decisions(text)
    never = tuple(f"{number}: {line.strip()}" for number, line in lines.items() if number not in ran)
    one_way = tuple(
        f"{each.line}: {each.command}: {_words(ways)}" for each in decided if len(ways := _ways(each, found)) < 2
    )
    return Report(len(lines), len(decided), never, one_way)


def _ways(decision: Decision, found: Sequence[tracing.Trace]) -> frozenset[bool]:
    return frozenset(way for each in found for way in each.ways(decision))


def _words(ways: frozenset[bool]) -> str:
    return {0: "never asked", 1: "always goes on to what stands next" if True in ways else "never goes on"}[len(ways)]
