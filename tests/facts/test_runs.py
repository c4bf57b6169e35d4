"""The journal of runs as a host tells it, damaged and hostile answers included."""

from __future__ import annotations

from remediations.facts.base import Answer, Unknown
from remediations.facts.runs import FACT, MOST_RUNS, MOST_WORDS, Run, Runs, WrittenFile, parse

A, B, C, D = (f"20261122T13050{n}Z-7f3a9c" for n in range(4))
OLD, NEW = "a" * 64, "b" * 64


def told(text: str) -> Runs:
    runs = parse(text.encode(errors="surrogateescape"))
    assert isinstance(runs, Runs)
    return runs


def run(name: str, when: int, what: str = "limit-req", state: str = "COMMITTED") -> str:
    did = f"file {OLD} {NEW} /etc/x y\nact reload nginx.service\n"
    return f"run {name} {state} {when}\nwho ann\nfrom desk\nwhat {what}\n{did}"


def test_a_run_is_told_with_who_from_where_and_what() -> None:
    (one,) = told(run(A, 1795352700)).every
    assert one == Run(
        A, "committed", 1795352700.0, "ann", "desk", "limit-req", (WrittenFile("/etc/x y", OLD, NEW),),
        (("reload", "nginx.service"),),
    )  # fmt: skip
    assert one.remediations == ("limit-req",)


def test_no_file_is_no_hash() -> None:
    (one,) = told(f"run {A} COMMITTED 1\nfile absent {NEW} /a\nfile {OLD} absent /b\n").every
    assert one.files == (WrittenFile("/a", None, NEW), WrittenFile("/b", OLD, None))


def test_the_host_that_has_no_runs_has_none() -> None:
    assert told("") == Runs()


def test_the_open_run_and_the_holder_are_told() -> None:
    runs = told(f"{run(A, 1, state='AWAIT')}open {A}\nholder {A} since 2026 by ann from desk (limit-req)\n")
    assert runs.open == A
    assert runs.holder == f"{A} since 2026 by ann from desk (limit-req)"
    assert not runs.every[0].ended


def test_they_stand_in_the_order_of_the_hosts_own_clock() -> None:
    assert [one.id for one in told(run(C, 1) + run(A, 3) + run(B, 2)).every] == [C, B, A]


def test_a_run_that_waits_says_until_when() -> None:
    assert told(f"run {A} AWAIT 1\nuntil 1795352700\n").every[0].until == 1795352700
    assert told(f"run {A} AWAIT 1\nuntil soon\n").every[0].until is None


def test_what_is_no_run_is_counted_and_not_shown() -> None:
    runs = told(f"run ../../etc COMMITTED 1\nwho x\nrun {A}; COMMITTED 1\nrun\nrun \x1b[2J X 1\n{run(B, 2)}")
    assert [one.id for one in runs.every] == [B]
    assert runs.damaged == 4


def test_words_that_cannot_be_meant_are_left_out() -> None:
    (one,) = told(f"run {A} FINE 1\nfile x y /a\nfile {OLD} {NEW} relative\nact explode nginx\nstate committed\n").every
    assert (one.state, one.files, one.acts) == ("unknown", (), ())
    assert told("open ../x\n").open is None


def test_an_answer_without_a_time_or_with_bytes_that_are_no_text_is_still_one() -> None:
    (one,) = told(f"run {A} COMMITTED \nwho \udcff\x1b\n").every
    assert (one.when, one.who) == (0.0, "\udcff\x1b")


def test_names_and_runs_are_bounded() -> None:
    many = "".join(run(f"20261122T13{n // 60:02}{n % 60:02}Z-7f3a9c", n) for n in range(MOST_RUNS + 5))
    assert len(told(many).every) == MOST_RUNS
    (one,) = told(f"run {A} COMMITTED 1\nwho {'x' * 5000}\n").every
    assert len(one.who) == MOST_WORDS + 1


def test_what_was_taken_back_does_not_stand_and_what_was_taken_back_twice_does() -> None:
    runs = told(run(A, 1) + run(B, 2, f"undo {A}"))
    assert runs.undone_by == {A: B}
    assert runs.to_undo is None
    runs = told(run(A, 1) + run(B, 2, f"undo {A}") + run(C, 3, f"undo {B}"))
    assert runs.undone_by == {B: C}
    assert runs.to_undo == runs.find(A)
    runs = told(run(A, 1) + run(B, 2, f"undo {A}") + run(C, 3, f"undo {B}") + run(D, 4, f"undo {A}"))
    assert runs.undone_by == {A: D, B: C}


def test_an_undo_that_was_rolled_back_has_taken_nothing_back() -> None:
    runs = told(run(A, 1) + run(B, 2, f"undo {A}", "ROLLED_BACK"))
    assert runs.undone_by == {}
    assert runs.to_undo == runs.find(A)


def test_a_restore_script_takes_back_too() -> None:
    runs = told(run(A, 1) + run(f"{A}-restore", 2))
    assert runs.undone_by == {A: f"{A}-restore"}


def test_the_last_run_that_wrote_files_is_the_one_to_undo() -> None:
    only_acted = f"run {C} COMMITTED 3\nwho x\nact start php8.2-fpm.service\n"
    runs = told(run(A, 1) + run(B, 2) + only_acted + run(D, 4, state="ROLLED_BACK"))
    assert runs.to_undo == runs.find(B)


def test_whose_bytes_these_are_is_known_by_their_hash() -> None:
    runs = told(run(A, 1) + f"run {B} COMMITTED 2\nfile {NEW} {OLD} /etc/x y\n")
    assert runs.wrote("/etc/x y", NEW) == runs.find(A)
    assert runs.wrote("/etc/x y", OLD) == runs.find(B)
    assert runs.wrote("/etc/x y", None) is None


def test_a_journal_that_may_not_be_read_is_unknown_and_not_empty() -> None:
    assert FACT.read(Answer(1, b"/var/lib/remediate may not be read\n")) == Unknown(
        "/var/lib/remediate may not be read"
    )
