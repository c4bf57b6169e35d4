"""The undo code: every line of it runs, whatever somebody else does meanwhile nothing of theirs is lost."""

import os
import re

from tests.faults import tracing
from tests.faults.namespace import in_parallel
from tests.faults.plans import Planned
from tests.faults.undone import report, traces, walked, walks

FULL = os.environ.get("REMEDIATE_FAULTS") == "full"
TEXT = Planned().program.files["program.sh"].decode()


def test_whatever_is_done_in_await_ends_as_it_must_and_nobodys_bytes_are_lost() -> None:
    found = [each for each in in_parallel(walked, list(walks(quick=not FULL)), 2) if each.broken]
    assert not found, "\n".join(f"{each.name}: {broken}" for each in found for broken in each.broken)


def test_every_line_of_the_undo_code_has_run() -> None:
    seen = report(traces())
    assert not seen.never, "\n".join(seen.never)
    assert seen.lines > 80
    assert seen.both > seen.decisions * 2 / 3, "\n".join(seen.one_way)


def test_a_line_that_never_runs_is_told() -> None:
    line, words = next(iter(tracing.undo_lines(TEXT).items()))
    assert f"{line}: {words.strip()}" in report(["1|1|1|true\n1|1|2|true"]).never


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
