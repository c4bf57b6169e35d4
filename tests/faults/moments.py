"""What somebody does at just one call of the program: a stand-in for mv, cp, sync … that then lets the real one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from remediations.transaction.program import HOME
from tests.faults.plans import RUN
from tests.faults.world import World

FOLDER = f"{HOME}/txn/{RUN}"
DIES = "kill -KILL $PPID; exit 1"
"""Whoever makes the call; its unit's end follows at once."""

POWER = """cat /proc/sys/kernel/random/uuid >"$FAKES/../boot_id"
ours=''
for each in /proc/[0-9]*; do
  case $(tr '\\0' ' ' <$each/cmdline) in *drive.sh*) ;; *program.sh*) ours="$ours ${each#/proc/}" ;; esac
done 2>/dev/null
kill -KILL $ours; : >"$FAKES/off"
exit 1"""
"""All of the run ends at once, its unit too, and another boot has begun. /proc is that of the private namespace."""


IS_OFF = 'until [ -e "$FAKES/off" ]; do sleep 0.05; done'


@dataclass(frozen=True)
class Moment:
    """The first time that `program` is called with words like `words` (a shell's pattern) and `when` holds.

    `script` runs before the call; where it ends with `exit N` instead of the call.
    """

    program: str
    words: str
    script: str
    when: str = ":"


def in_state(name: str) -> str:
    return f"[ -e {FOLDER}/state.{name} ]"


def by(verb: str) -> str:
    """The program was called for this."""
    return f"grep -qzx {verb} /proc/$PPID/cmdline"


def lay(world: World, moments: Sequence[Moment]) -> None:
    """The stand-ins stand first in PATH, as a shell remembers where it has found a program."""
    numbered = sorted(enumerate(moments), key=lambda each: each[1].program)
    for program, group in groupby(numbered, key=lambda each: each[1].program):
        path = world.shims / program
        path.write_text(_shim(program, dict(group)))
        path.chmod(0o755)


def missed(world: World, moments: Sequence[Moment]) -> list[Moment]:
    """Those that never came: such a walk has shown nothing."""
    return [each for number, each in enumerate(moments) if not _came(world, number).exists()]


def _came(world: World, number: int) -> Path:
    return world.shims / f"came.{number}"


def _shim(program: str, moments: Mapping[int, Moment]) -> str:
    lines = [line for number, each in moments.items() for line in _lines(number, each)]
    real = f'exec_real() {{ PATH=${{PATH#*"$FAKES/bin:"}}; exec {program} "$@"; }}'
    return "\n".join(["#!/bin/sh", real, *lines, 'exec_real "$@"', ""])


def _lines(number: int, moment: Moment) -> tuple[str, str]:
    words = moment.words.replace(" ", "\\ ")
    return (
        f'here() {{ case $* in {words}) ;; *) return 1 ;; esac; {moment.when} && mkdir "$FAKES/bin/came.{number}"; }}',
        f'if here "$@" 2>/dev/null; then {{ {moment.script}\n}} </dev/null 9>&-; exec_real "$@"; fi',
    )
