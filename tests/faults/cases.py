"""Every sweep of the real program: which are done each time, which in a night, and the controls that must fail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from tests.faults.disks import EXT4_DEFAULT, EXT4_EAGER, EXT4_STRICT, KILL, XFS, Model
from tests.faults.layers import by_boot, by_hand, by_next, by_stop, by_timer
from tests.faults.scenes import ABORTED, COMMIT, COURSES, NOT_TAKEN, Setting
from tests.faults.shells import BASH, BUSYBOX
from tests.faults.sweep import Result, sweep

POWER_MODELS = (EXT4_STRICT, EXT4_DEFAULT, EXT4_EAGER, XFS)
NO_EXCHANGE = ("python3", "perl")
"""The mv of Debian 12 knows no --exchange, so that without these there is none."""


@dataclass(frozen=True)
class Case:
    """One sweep; of a control, `breaks` names a promise that must be found broken. `quick`: in `make test`, too."""

    row: str
    name: str
    setting: Setting
    model: Model
    quick: bool = False
    every: int = 1
    breaks: str = ""

    def run(self, workers: int = 2) -> Result:
        return sweep(self.setting.scene, self.model, workers, self.every)

    def wrong(self, result: Result) -> tuple[str, ...]:
        """What is not as it must be: of a control, that nothing was found."""
        if not self.breaks:
            return tuple(str(each) for each in result.broken)
        found = {each.invariant for each in result.broken}
        return () if self.breaks in found else (f"{self.name}: {self.breaks} is not broken, only {sorted(found)}",)


def replaced(old: str, new: str) -> Callable[[str], str]:
    return partial(_replaced, old, new)


def _replaced(old: str, new: str, text: str) -> str:
    return text.replace(old, new)


FSYNC_OFF = replaced(
    'flush() { if [ -n "$syncs_files" ]; then sync -- "$@" 2>/dev/null; else sync; fi; }', "flush() { :; }"
)
NO_BOOT_UNIT = replaced('  boot_unit >"$1"', '  return 0; boot_unit >"$1"')
NO_STOP_POST = replaced('      -p "ExecStopPost=/bin/sh $base/txn/$run/program.sh rollback $run" \\\n', "")
ON_ACTIVE = replaced('--on-calendar="$at"', '--on-active="$((begin_seconds + confirm_within + 60))"')
NO_RELOAD_PROOF = replaced('took "$pid" "$before" "$mark" || return 1', ":")

CONTROLS = (
    Case("controls", "fsync off", Setting(COMMIT, edit=FSYNC_OFF), EXT4_STRICT, True, breaks="I4"),
    Case("controls", "no boot unit", Setting(ABORTED, edit=NO_BOOT_UNIT), EXT4_STRICT, True, breaks="I7"),
    Case("controls", "no ExecStopPost", Setting(COMMIT, by_stop, edit=NO_STOP_POST), KILL, True, 12, "I7"),
    Case("controls", "--on-active", Setting(COMMIT, by_timer, edit=ON_ACTIVE), KILL, True, 12, "I7"),
    Case("controls", "reload proof off", Setting(NOT_TAKEN, edit=NO_RELOAD_PROOF), KILL, True, 40, "I10"),
)


def _kills() -> Iterator[Case]:
    """Each step of every course, with each of the layers that undo alone."""
    for course in COURSES:
        for layer in (by_stop, by_timer, by_hand, by_next):
            quick = layer is by_stop and course in (COMMIT, ABORTED)
            yield Case("kill", f"{course.name}, {_name(layer)}", Setting(course, layer), KILL, quick)


def _name(layer: Callable[..., None]) -> str:
    return layer.__name__.replace("_", " ")


def _cuts() -> Iterator[Case]:
    for model in POWER_MODELS:
        for course in COURSES:
            yield Case(
                "power cut", f"{course.name}, {model.name}", Setting(course, by_boot), model, model is EXT4_STRICT
            )


def _elsewhere() -> Iterator[Case]:
    """Both courses under other shells, without exchange, without systemd."""
    settings = {
        "bash": Setting(shell=BASH),
        "busybox sh": Setting(shell=BUSYBOX),
        "no exchange": Setting(hidden=NO_EXCHANGE),
        "no systemd": Setting(layer=by_hand, systemd=False),
        "no systemd, next run": Setting(layer=by_next, systemd=False),
        "no systemd, no exchange, bash": Setting(layer=by_hand, systemd=False, hidden=NO_EXCHANGE, shell=BASH),
    }
    for name, setting in settings.items():
        for course in COURSES:
            for model in (KILL, EXT4_STRICT):
                yield Case("elsewhere", f"{course.name}, {model.name}, {name}", replace(setting, course=course), model)


CASES = (*_kills(), *_cuts(), *_elsewhere(), *CONTROLS)
