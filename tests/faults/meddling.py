"""What somebody else may do to the files while a run awaits its word, and what must come of it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from remediations.changes.unit import UnitAction
from tests.faults.layers import Layer, by_stop
from tests.faults.moments import Moment
from tests.faults.plans import CREATED, FORWARD, GONE, MAIN, RUN, SITE, UNIT, Planned
from tests.faults.scenes import ABORT, ABORTED, CONFIRM, PROGRAM, Course

THEIRS = b"somebody else's\n"


@dataclass(frozen=True)
class Meddling:
    """`script` runs in AWAIT, `moments` whenever they come; then `word` is said, and `layer` ends what is left.

    `foreign` are the bytes that must be found somewhere in the end, by the path where they were written; `gone` are
    files that somebody removed; `says` is told by the program or its log. `exchange`: only where the host has it, or
    has it not. `daemon`: no unit holds it. `serves`: the daemon has in the end what the files say.
    """

    name: str
    script: str
    ends: str = "ROLLED_BACK"
    foreign: Mapping[str, bytes] = field(default_factory=dict)
    word: str = ABORT
    planned: Planned = field(default_factory=Planned)
    moments: tuple[Moment, ...] = ()
    gone: tuple[str, ...] = ()
    says: str = ""
    layer: Layer = by_stop
    exchange: bool | None = None
    daemon: bool = False
    serves: bool = True

    @property
    def course(self) -> Course:
        return replace(
            ABORTED, name=self.name, words=f"{self.script}; {self.word}", ends=self.ends, planned=self.planned
        )


def beside(path: str, kind: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.remediate-{RUN}.{kind}"


def write(path: str, data: bytes = THEIRS) -> str:
    return f"printf %s {shlex.quote(data.decode())} >{path}"


def _foreign(name: str, path: str, *, at: str = "") -> Meddling:
    return Meddling(name, write(at or path), "NEEDS_HUMAN", {at or path: THEIRS})


RESTART = Planned((), actions=(UnitAction("by-hand", UNIT, "restart", ""),))
EDITED = Planned(FORWARD[:2], actions=(UnitAction("by-hand", UNIT, "restart", ""),))
BROKEN_BEFORE = Planned(more={"baseline_valid": False})
DOWN = "echo no >$FAKES/fail/restart; systemctl stop nginx.service"
KEPT = beside(SITE, "orig")
MEDDLINGS = (
    _foreign("an edited file is edited again", MAIN),
    _foreign("a created file is edited", CREATED),
    _foreign("a deleted file comes again", GONE),
    _foreign("the old file beside is written to", SITE, at=beside(SITE, "orig")),
    Meddling("the old file beside is removed", f"rm {beside(MAIN, 'orig')} {KEPT}"),
    Meddling("a created file is removed", f"rm {CREATED}"),
    Meddling("the old bytes are put back by hand", f"cp -p {beside(MAIN, 'orig')} {MAIN}"),
    Meddling("an edited file can no longer be replaced", f"chattr +i {MAIN}", "NEEDS_HUMAN"),
    Meddling("a deleted file is put back, but for its owner", f"cat {beside(GONE, 'orig')} >{GONE}"),
    Meddling("a deleted file is put back from beside", f"mv {beside(GONE, 'orig')} {GONE}"),
    Meddling("the daemon takes no reload any more", "echo no >$FAKES/fail/reload.nginx.service", "NEEDS_HUMAN"),
    Meddling("the daemon is stopped", "systemctl stop nginx.service"),
    Meddling("the daemon is down for good", DOWN, "NEEDS_HUMAN"),
    Meddling("the system is stopping", "echo stopping >$FAKES/system-state", serves=False),
    Meddling("the manager has read the boot's unit", "echo remediate-boot >$FAKES/listed"),
    Meddling("the timer comes first", f"sh {PROGRAM} rollback {RUN} timer & sleep 0.3"),
    Meddling("a person is asked and asks again", f"{write(MAIN)}; {ABORT}", "NEEDS_HUMAN", {MAIN: THEIRS}),
    Meddling(
        "the old file beside is written to, and it is confirmed", write(KEPT), "COMMITTED", {KEPT: THEIRS}, CONFIRM
    ),
    Meddling("somebody edits, and it is confirmed", write(SITE), "NEEDS_HUMAN", {SITE: THEIRS}, CONFIRM),
    Meddling("no file, a daemon that was restarted", ":", planned=RESTART),
    Meddling("no file, a daemon that is down for good", DOWN, planned=RESTART),
    Meddling("no file, a daemon that is down again", "systemctl stop nginx.service", planned=RESTART),
    Meddling("a restart is taken back by a restart", ":", planned=EDITED),
    Meddling("a daemon that cannot reload", "echo no >$FAKES/units/nginx.service/CanReload"),
    Meddling("what was not valid before is not reloaded", ":", planned=BROKEN_BEFORE, serves=False),
    Meddling("the manager does not read its files again", "echo no >$FAKES/fail/daemon-reload", "NEEDS_HUMAN"),
    Meddling("a file is removed, and the old one beside it", f"rm {SITE} {KEPT}", "NEEDS_HUMAN", gone=(SITE,)),
)
