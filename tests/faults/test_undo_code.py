"""The undo code: each line and each decision of it has run both ways, and nobody's bytes were lost on any."""

import os
import re
from dataclasses import replace

import pytest

from tests.faults import tracing
from tests.faults.at_once import WRITTEN_TO
from tests.faults.cases import replaced
from tests.faults.namespace import in_parallel
from tests.faults.plans import Planned
from tests.faults.undone import Walk, Walked, report, traced, walked, walks

FULL = os.environ.get("REMEDIATE_FAULTS") == "full"
TEXT = Planned().program.files["program.sh"].decode()
LOOKS_AT_WHAT_CAME_OUT = 'if came_out "$aside" "$2"; then rm'
KNOWS_THE_LOG = ' || grep -qsxF -e "swapped $3" log'


@pytest.fixture(scope="module")
def seen() -> list[Walked]:
    return traced()


def test_whatever_is_done_and_at_whatever_call_it_ends_as_it_must_and_nobodys_bytes_are_lost(
    seen: list[Walked],
) -> None:
    others = in_parallel(walked, list(walks()), 2) if FULL else []  # under dash, and all without exchange
    found = [each for each in (*seen, *others) if each.broken]
    assert not found, "\n".join(f"{each.name}: {broken}" for each in found for broken in each.broken)


def test_every_line_of_the_undo_code_has_run_and_every_decision_went_both_ways(seen: list[Walked]) -> None:
    told = report([each.trace for each in seen])
    assert not told.never, "\n".join(told.never)
    assert not told.one_way, "\n".join(told.one_way)
    assert (told.lines > 80, told.arms > 10, told.decisions > 60) == (True, True, True)


def test_a_decision_that_goes_one_way_is_told(seen: list[Walked]) -> None:
    fewer = [each.trace for each in seen if each.name != "the daemon begins anew while it is looked at"]
    assert len(fewer) == len(seen) - 1
    (told,) = report(fewer).one_way
    assert told.endswith(": settle: never goes on")


def test_a_line_and_an_arm_that_never_run_are_told() -> None:
    line, words = next(iter(tracing.undo_lines(TEXT).items()))
    told = report(["1|1|1|true\n1|1|2|true"]).never
    assert f"{line}: {words.strip()}" in told
    assert [each for each in told if each.endswith("the arm undoROLLING_BACK")]


@pytest.mark.parametrize(
    ("name", "without", "instead", "breaks"),
    [
        (
            "a created file is written to at the moment at which it is taken away",
            LOOKS_AT_WHAT_CAME_OUT,
            "if :; then rm",
            "I5",
        ),
        (WRITTEN_TO.name, 'if came_out "$2" "$3"; then rm', "if :; then rm", "I5"),
        (f"{WRITTEN_TO.name}, without exchange", '|| came_out "$1" "$3"; then', "|| :; then", "I5"),
        ("a file that was deleted: the old one beside is removed", KNOWS_THE_LOG, "", "I2"),
    ],
)
def test_a_way_back_that_looks_less_is_found_broken(name: str, without: str, instead: str, breaks: str) -> None:
    (walk,) = [each for each in walks(quick=True) if each.meddling and each.meddling.name == name]
    worse = Walk(replace(walk.setting, edit=replaced(without, instead)), walk.meddling)
    (told,) = in_parallel(walked, [worse], 1)
    assert breaks in {each.invariant for each in told.broken}


def test_each_function_of_the_undo_code_is_in_the_program() -> None:
    assert set(re.findall(r"^([a-z_]+)\(\) \{", TEXT, re.MULTILINE)) >= tracing.UNDO


def test_a_decision_goes_both_ways_where_what_stands_next_to_it_ran_and_did_not() -> None:
    text = "undo() {\n  holds a && echo yes\n  echo end\n}\n"
    (decision,) = tracing.decisions(text)
    assert (decision.command, decision.then) == ("holdsa", (2, "echoyes"))
    calls = "1|1|2|holds a\n1|2|9|[ -e a ]\n"
    assert tracing.read(f"{calls}1|1|2|echo yes\n").ways(decision) == {True}
    assert tracing.read(f"{calls}1|1|3|echo end\n").ways(decision) == {False}
    assert tracing.read(calls).ways(decision) == {False}
    assert tracing.read("1|1|3|echo end\n").ways(decision) == frozenset()
