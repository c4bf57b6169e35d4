"""Ends a program at each of its steps in one single run, and judges what a recovery makes of each end.

At every step the disk is cut (`disks.py`): for the models of a power cut that is what the device holds, for `KILL` all
that was written, as if SIGKILL had come to every process of the tree. Each distinct cut is mounted, recovered, judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.disks import Model, disk, images, mounted_copy
from tests.faults.invariants import Broken
from tests.faults.namespace import in_parallel, in_private
from tests.faults.shells import DASH, Shell
from tests.faults.world import FOLDERS, World


@dataclass(frozen=True)
class Cut:
    """`told` is what the program had acknowledged by then; `rebooted`: processes, /run and daemons began anew."""

    image: Path
    step: str
    told: str | None
    rebooted: bool


@dataclass(frozen=True)
class Scene:
    """`units` sets the daemons up, in each world anew; `prepare` the files, once, durably; then `words` runs.

    `told` says what the output so far has acknowledged. `recover` does what the host or a person does after the
    end (`world.boot()`, `world.after_stop(…)`, a next run), and `judge` says what is broken then. All run inside
    `in_private`; they are given in one process and run in its children, so they may be closures.
    """

    words: tuple[str, ...]
    prepare: Callable[[World], None]
    units: Callable[[World], None]
    recover: Callable[[World, Cut], None]
    judge: Callable[[World, Cut], Sequence[Broken]]
    told: Callable[[bytes], str | None]
    shell: Shell = DASH
    folders: tuple[str, ...] = FOLDERS
    systemd: bool = True
    hidden: tuple[str, ...] = ()
    timeout: float = 60.0


@dataclass(frozen=True)
class Result:
    """How many steps there were, how many distinct cuts were recovered, and what was broken."""

    steps: int
    cuts: int
    broken: tuple[Broken, ...]


def sweep(scene: Scene, model: Model, workers: int | None = None, every: int = 1) -> Result:
    """Each distinct cut, or, for a quick look, one in `every`; the last is always among them."""
    with images() as folder:
        cuts = in_private(partial(_run, scene, model, folder))
        distinct = list({(cut.image, cut.told): cut for cut in reversed(cuts)}.values())[::-1]
        distinct = distinct[::-1][::every][::-1]
        found = in_parallel(partial(recovered, scene, model, folder), distinct, workers)
        return Result(len(cuts) - 1, len(distinct), tuple(broken for each in found for broken in each))


def _run(scene: Scene, model: Model, folder: Path) -> list[Cut]:
    """A cut before each step, and one after the end."""
    with disk(model, folder, folder / "disk") as device, _world(scene, model, device.root, folder / "first") as world:
        scene.prepare(world)
        scene.units(world)
        device.sync()
        cuts = []
        with world.step("sh", *scene.words, everywhere=model.all_survives, timeout=scene.timeout) as tree:
            for step in tree:
                cuts.append(Cut(device.cut(), str(step), scene.told(tree.output()), not model.all_survives))
        assert cuts, f"{scene.words} changed nothing: {tree.stderr.decode(errors='replace')}"
        return [*cuts, Cut(device.cut(), "the end", scene.told(tree.stdout), not model.all_survives)]


def recovered(scene: Scene, model: Model, folder: Path, cut: Cut) -> list[Broken]:
    """What is broken once the scene's recovery has come over what the cut has left."""
    name = f"{cut.image.stem}.{cut.told}"
    with (
        mounted_copy(model, cut.image, folder / f"{name}.root") as root,
        _world(scene, model, root, folder / f"{name}.scratch") as world,
    ):
        if cut.rebooted:
            scene.units(world)
        scene.recover(world, cut)
        return list(scene.judge(world, cut))


def _world(scene: Scene, model: Model, root: Path, scratch: Path) -> World:
    """Where only processes end, what a reboot would forget is on the disk, too."""
    kept = root / ".world" if model.all_survives else scratch
    return World(root, kept, shell=scene.shell, folders=scene.folders, systemd=scene.systemd, hidden=scene.hidden)
