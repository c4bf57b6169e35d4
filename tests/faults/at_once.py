"""Two faults at once: somebody writes between two calls of the way back, or the run is cut off at just one of them."""

from dataclasses import replace

from remediations.changes.unit import UnitAction
from tests.faults.layers import by_boot, by_hand, by_next
from tests.faults.meddling import EDITED, KEPT, THEIRS, Meddling, beside, write
from tests.faults.moments import DIES, FOLDER, IS_OFF, POWER, Moment, by, in_state
from tests.faults.plans import ACTIONS, CREATED, FORWARD, GONE, MASTER, NONCE, RUN, SITE, UNIT, Planned
from tests.faults.scenes import ABORT, PROGRAM, WAIT

OURS = b"a third one's\n"
BACK = in_state("ROLLING_BACK")
AWAITING = f"{in_state('AWAIT')} && {by('apply')}"
SWAPPING = in_state("SWAPPING")
HOLDS, ASKED = "$FAKES/holds", "$FAKES/asked"
HOLD = f"""sh -c 'exec 9>>/var/lib/remediate/lock; flock 9; echo $$ >"{HOLDS}"; exec sleep 1000' >/dev/null 2>&1 &
until [ -e "{HOLDS}" ]; do sleep 0.05; done"""
SIGNALLED = (UnitAction("by-hand", "", "reload", "", pid=MASTER.pid),)


def cut_off(program: str, words: str, when: str = ":") -> tuple[Moment, ...]:
    return (Moment(program, words, DIES, when),)


def while_back(program: str, words: str, script: str) -> tuple[Moment, ...]:
    return (Moment(program, words, script, BACK),)


POWER_CUT = (Moment("sleep", "0.1", POWER, AWAITING),)
GONE_COMES_BACK = "*.gone.conf.*.orig*/gone.conf"
"""The first of the edited files is still to be put back then."""

CUT_OFF = (
    Meddling("killed before anything is kept", ":", "REFUSED", word=":", moments=cut_off("mkdir", "before")),
    Meddling(
        "killed between the exchange and the name of what came out",
        ":",
        word=":",
        moments=cut_off("mv", "*.shop.*.new*.shop.*.orig"),
        exchange=True,
    ),
    Meddling(
        "killed with a created file under two names", ":", word=":", moments=cut_off("rm", "*.created.conf.*.new")
    ),
    Meddling(
        "killed while somebody's bytes are out of their place",
        ":",
        "NEEDS_HUMAN",
        {SITE: THEIRS},
        ":",
        moments=(Moment("mv", "--exchange*/shop", write(SITE)), *cut_off("mv", "--exchange*/shop")),
        exchange=True,
    ),
    Meddling("killed on the way back", ":", word=ABORT, moments=cut_off("mv", GONE_COMES_BACK, BACK)),
    Meddling("killed while it waits, and the next run ends it", IS_OFF, word=":", moments=POWER_CUT, layer=by_next),
    Meddling("a boot while it waits", IS_OFF, word=":", moments=POWER_CUT, layer=by_boot),
    Meddling(
        "a boot before the manager has read anything",
        IS_OFF,
        word=":",
        moments=(Moment("mv", "*.shop.*.new*", POWER, SWAPPING),),
        layer=by_boot,
    ),
    Meddling(
        "a boot, and the manager has nothing to read",
        IS_OFF,
        word=":",
        planned=Planned(FORWARD[:2], actions=ACTIONS[1:]),
        moments=POWER_CUT,
        layer=by_boot,
    ),
    Meddling("a boot at which nobody undoes, and then a person", IS_OFF, word=":", moments=POWER_CUT, layer=by_hand),
    Meddling(
        "a boot at which nobody undoes, and a daemon that was restarted",
        IS_OFF,
        word=":",
        planned=EDITED,
        moments=POWER_CUT,
        layer=by_hand,
    ),
    Meddling(
        "a boot at which nobody undoes, where no daemon was to be told",
        IS_OFF,
        word=":",
        planned=Planned(FORWARD[:2], actions=()),
        moments=POWER_CUT,
        layer=by_hand,
        serves=False,
    ),
)

RACES = (
    Meddling(
        "confirmed at the moment at which it is given up",
        'until [ -e "$FAKES/bin/came.0" ]; do sleep 0.05; done',
        "COMMITTED",
        word=WAIT,
        moments=(
            *cut_off("sleep", "0.1", AWAITING),
            Moment(
                "mv",
                "*state.AWAIT state.ROLLING_BACK",
                f"sh {PROGRAM} confirm {RUN} {NONCE} >/dev/null & "
                f"until [ -e {FOLDER}/state.COMMITTED ]; do sleep 0.05; done",
            ),
        ),
    ),
    Meddling(
        "another run holds the lock for too long",
        f"until [ -e {HOLDS} ]; do sleep 0.05; done; : >{ASKED}; "
        f"sh {PROGRAM} rollback {RUN} timer; kill $(cat {HOLDS})",
        word=":",
        moments=(
            Moment("sleep", "0.1", f"kill -KILL $(ps -o ppid= -p $PPID) $PPID; {HOLD}", AWAITING),
            Moment("cut", "*/proc/uptime", "echo 0; exit 0", f"[ -e {ASKED} ]"),
            Moment("cut", "*/proc/uptime", "echo 999999; exit 0", f"[ -e {ASKED} ]"),
        ),
        says="failed another run holds the lock",
        layer=by_hand,
    ),
    Meddling(
        "another run was first",
        ":",
        "LOCKED",
        word=":",
        moments=(
            Moment(
                "flock",
                "-n 9",
                f"mkdir {FOLDER}.other; : >{FOLDER}.other/state.AWAIT; "
                f"echo {RUN}.other >/var/lib/remediate/holder; {HOLD}",
            ),
        ),
        says="refused another run is changing this host",
    ),
)

WRITTEN_TO = Meddling(
    "an edited file is written to at the moment at which it is put back",
    ":",
    "NEEDS_HUMAN",
    {SITE: THEIRS},
    moments=while_back("mv", "--exchange*/shop", write(SITE)),
    exchange=True,
)
MEANWHILE = (
    Meddling(
        "a file and the old one beside it go while others are put back",
        ":",
        moments=while_back("mv", GONE_COMES_BACK, f"rm {SITE} {KEPT}"),
    ),
    Meddling(
        "a file is written and the old one beside it goes while others are put back",
        ":",
        "NEEDS_HUMAN",
        {SITE: THEIRS},
        moments=while_back("mv", GONE_COMES_BACK, f"rm {KEPT}; {write(SITE)}"),
    ),
    WRITTEN_TO,
    replace(WRITTEN_TO, name=f"{WRITTEN_TO.name}, without exchange", exchange=False),
    Meddling(
        "a created file is written to at the moment at which it is taken away",
        ":",
        "NEEDS_HUMAN",
        {CREATED: THEIRS},
        moments=while_back("mv", "*/created.conf *.created.conf.*.orig", write(CREATED)),
    ),
    Meddling(
        "a created file is written to as it is taken away, and made again by a third",
        ":",
        "NEEDS_HUMAN",
        {CREATED: OURS, beside(CREATED, "orig"): THEIRS},
        moments=(
            *while_back("mv", "*/created.conf *.created.conf.*.orig", write(CREATED)),
            *while_back("ln", "*.created.conf.*.orig *", write(CREATED, OURS)),
        ),
    ),
    Meddling(
        "the old file beside is removed, and the journal's cannot be read",
        f"rm {KEPT}",
        "NEEDS_HUMAN",
        moments=while_back("cp", "*before/*", "exit 1"),
    ),
    Meddling(
        "the old file beside is removed, and the disk does not take the journal's",
        f"rm {KEPT}",
        "NEEDS_HUMAN",
        moments=while_back("sync", "*.part", "exit 1"),
    ),
    Meddling(
        "the daemon begins anew while it is looked at",
        ":",
        "NEEDS_HUMAN",
        moments=while_back("sleep", "0", f"echo 1 >$FAKES/units/{UNIT}/NRestarts"),
    ),
    Meddling(
        "a daemon that was down before is down again",
        "systemctl stop nginx.service",
        planned=Planned(FORWARD[:2], actions=(UnitAction("by-hand", UNIT, "start", ""),)),
        moments=(Moment("mkdir", "before", "systemctl stop nginx.service"),),
        serves=False,
    ),
    Meddling("a file that was deleted: the old one beside is removed", f"rm {beside(GONE, 'orig')}"),
)

WITHOUT_UNIT = (
    Meddling("a daemon without a unit", ":", planned=Planned(FORWARD[:4], actions=SIGNALLED), daemon=True),
    Meddling(
        "a daemon without a unit, whose files were not valid before",
        ":",
        planned=Planned(FORWARD[:2], actions=SIGNALLED, more={"baseline_valid": False}),
        daemon=True,
        serves=False,
    ),
    Meddling("a daemon without a unit, and no file", ":", planned=Planned((), actions=SIGNALLED), daemon=True),
)
AT_ONCE = (*CUT_OFF, *RACES, *MEANWHILE, *WITHOUT_UNIT)
