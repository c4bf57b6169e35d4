"""Who ends a run that was cut off: the end of its unit, the timer, the next boot, a person, the next run."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from remediations.transaction.program import HOME
from tests.faults.plans import NONCE, RUN, Planned
from tests.faults.world import World

FOLDER = Path(HOME, "txn", RUN)
NEXT = Planned((), "20261122T140000Z-ffffff", actions=(), validators=())
LATEST = 300 + 120 + 61
"""In this time the timer has come: what the program gives itself to begin, what the plan gives to confirm."""

Layer = Callable[[World], None]


def by_stop(world: World) -> None:
    """ExecStopPost, which systemd runs once all processes of the unit are gone."""
    if (world.state / "runs" / f"remediate-{RUN}" / "properties").exists():
        world.after_stop(f"remediate-{RUN}")


def by_timer(world: World) -> None:
    """While somebody reloads the manager again and again."""
    for timer in world.due(LATEST, reloaded=True):
        world.fire(timer)


def by_boot(world: World) -> None:
    world.boot()


def by_hand(world: World) -> None:
    """`invoke recover`, by the program of whichever run lies there last."""
    if (FOLDER / "program.sh").exists():
        world.run("sh", str(FOLDER / "program.sh"), "recover")


def by_next(world: World) -> None:
    """Another run, after an hour: it ends the open one first, and what never began is told as refused."""
    if (FOLDER / "state.NEW").exists():
        os.utime(FOLDER / "state.NEW", (time.time() - 7200,) * 2)
    NEXT.lay_down()
    words = f"p={NEXT.folder}/program.sh; sh $p apply {NEXT.run} & sh $p begun {NEXT.run}"
    done = world.run("sh", "-c", f"{words}; sh $p confirm {NEXT.run} {NONCE}; wait")
    if not done.stdout.endswith(b"state committed\n"):
        raise AssertionError(f"the next run is hindered: {done.stdout.decode(errors='replace')}")


def state(folder: Path = FOLDER) -> str | None:
    """None where the run's folder never arrived."""
    if not folder.exists():
        return None
    return " ".join(sorted(path.name.removeprefix("state.") for path in folder.glob("state.*")))
