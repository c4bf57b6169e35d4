"""The transaction of `little.sh` as a scene: what the instruments find in it, and in it with a part left out."""

from collections.abc import Sequence
from pathlib import Path

from tests.faults.invariants import Broken, File, Operation, Outcome, check, check_served
from tests.faults.shells import DASH, Shell
from tests.faults.sweep import Cut, Scene
from tests.faults.world import FOLDERS, World

PROGRAM = str(Path(__file__).with_name("little.sh"))
JOURNAL = Path("/var/lib/remediate/t")
OPERATIONS = tuple(
    Operation(
        f"/etc/nginx/{name}",
        File(b"old %s\n" % name.encode(), 0o640, (0, 33), {"user.note": b"kept"}),
        File(b"new %s\n" % name.encode(), 0o640, (0, 33), {"user.note": b"kept"}),
    )
    for name in ("1", "2")
)


def scene(unsafe: str = "", shell: Shell = DASH) -> Scene:
    return Scene(
        words=("-c", 'unsafe=$1; set -- apply; . "$0"', PROGRAM, unsafe),
        prepare=prepare,
        units=units,
        recover=lambda world, cut: recover(world, cut, unsafe),
        judge=judge,
        told=lambda output: "COMMITTED" if output == b"COMMITTED\n" else None,
        shell=shell,
    )


def prepare(world: World) -> None:
    (JOURNAL / "before").mkdir(parents=True)
    (JOURNAL / "state.NEW").touch()
    for operation in OPERATIONS:
        assert operation.before is not None
        assert operation.after is not None
        operation.before.write(Path(operation.path))
        operation.after.write(JOURNAL / "after" / Path(operation.path).name)


def units(world: World) -> None:
    world.unit("nginx.service", live=[operation.path for operation in OPERATIONS])


def recover(world: World, cut: Cut, unsafe: str) -> None:
    done = world.run("sh", "-c", 'unsafe=$1; set -- recover; . "$0"', PROGRAM, unsafe)
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def state() -> str:
    names = [path.name.partition(".")[2] for path in JOURNAL.glob("state.*")]
    return " ".join(sorted(names))


def judge(world: World, cut: Cut) -> Sequence[Broken]:
    known = frozenset({"/etc/systemd/system"})
    outcome = Outcome(OPERATIONS, state(), cut.told, known=known, step=cut.step)
    return [*check(outcome, FOLDERS), *check_served(outcome, world.serves("nginx.service"))]
