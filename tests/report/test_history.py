"""The runs of a host as a table and as data: what is open or went wrong stands out, and nothing commands a terminal."""

from __future__ import annotations

import json
from dataclasses import replace

from remediations.facts.runs import Run, Runs, WrittenFile
from remediations.report import history, text
from remediations.report.json import render
from remediations.report.style import Style
from remediations.result import HostResult
from tests import contract

A, B, C = (f"20261122T13050{n}Z-7f3a9c" for n in range(3))
FILE = WrittenFile("/etc/nginx/x", "a" * 64, None)
DONE = Run(A, "committed", 1795352700.0, "ann", "desk", "limit-req,tune-max-children", (FILE,), (("reload", "nginx"),))
UNDONE = Run(B, "committed", 1795352800.0, "bob", "lap", f"undo {A}", (FILE, FILE), (("daemon-reload", "-"),))
PLAIN = Style(False)


def table(runs: Runs, style: Style = PLAIN) -> list[str]:
    return text.render([HostResult("web1", "ok", history=runs)], style, dry_run=True).splitlines()


def test_the_latest_run_stands_first_in_columns() -> None:
    head, columns, latest, earlier = table(Runs((DONE, UNDONE)))
    assert head == "web1  2 runs"
    at = columns.index("what")
    assert latest[at:] == f"undo {A} (2 files, daemon-reload)"
    assert earlier[at:] == "limit-req,tune-max-children (1 file, reload nginx)"
    assert latest.startswith(f"  2026-11-22 13:06:40       {B}  committed")
    assert f"committed, undone by {B}" in earlier


def test_what_did_not_end_well_has_its_advice_below() -> None:
    human = replace(DONE, state="needs_human")
    lines = table(Runs((human,)))
    assert "a person must look" in lines[-1]
    assert f"/var/lib/remediate/txn/{A}/before" in lines[-1]
    cut = table(Runs((replace(DONE, state="swapping"),), open=A))
    assert cut[-1] == "    it was interrupted before its end: invoke recover --host web1"
    waiting = replace(DONE, state="await", until=DONE.when + 600)
    waits = table(Runs((waiting,), open=A, holder=f"{A} since now by ann from desk (x)"))
    assert f"it waits for a confirmation until 2026-11-22 13:15:00: invoke confirm --host web1 --run {A}" in waits[-2]
    assert waits[-1] == f"  at work {A} since now by ann from desk (x)"
    busy = table(Runs((replace(DONE, state="swapping"),), open=A, holder="x"))
    assert "ask again in a moment" in busy[-2]


def test_colours_show_what_stands_what_is_gone_and_what_is_wrong() -> None:
    lines = table(Runs((DONE, replace(DONE, id=C, state="needs_human"))), Style(True))
    assert lines[2].startswith("\x1b[31m")
    assert not lines[4].startswith("\x1b")
    undone = table(Runs((DONE, UNDONE)), Style(True))
    assert undone[3].startswith("\x1b[2m")


def test_a_hostile_word_commands_no_terminal_and_breaks_no_line() -> None:
    evil = replace(DONE, who="\x1b[2Jann\nrun x", origin="a\u202eb", what="password=c4nary")
    runs = Runs((evil,), holder="\x1b]0;x\x07", damaged=2)
    lines = table(runs)
    assert len(lines) == 5
    assert not {"\x1b", "\u202e", "\x07"} & set("\n".join(lines))
    assert "c4nary" not in "\n".join(lines)
    assert "2 folders of the journal hold no run that can be read" in lines[-1]
    document = render(A, [HostResult("web1", "ok", history=runs)], dry_run=True)
    assert "c4nary" not in document
    assert not {"\x1b", "\u202e", "\x07"} & set(json.dumps(json.loads(document), ensure_ascii=False))


def test_a_time_that_cannot_be_is_no_bug() -> None:
    assert "?" in table(Runs((replace(DONE, when=1e12),)))[2]


def test_the_document_keeps_its_contract_and_tells_all() -> None:
    result = HostResult("web1", "ok", history=Runs((DONE, UNDONE), damaged=1))
    document = json.loads(render(C, [result], dry_run=True))
    contract.check(document)
    told = document["hosts"][0]["history"]
    assert [run["run"] for run in told["runs"]] == [A, B]
    assert told["runs"][0]["remediations"] == ["limit-req", "tune-max-children"]
    assert told["runs"][0]["files"] == [{"path": "/etc/nginx/x", "before": "a" * 64, "after": None}]
    assert told["runs"][1]["acts"] == [{"action": "daemon-reload", "unit": None}]
    assert told["runs"][0]["undone_by"] == B


def test_a_host_without_runs_says_so() -> None:
    assert table(Runs()) == ["web1  no run of this toolkit is known here"]
    assert history.words(Runs((DONE,))) == "1 run"
