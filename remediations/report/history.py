"""The runs that a host remembers, for people and for programs, and what to do about those that have not ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from remediations import masking
from remediations.facts.runs import Run, Runs
from remediations.report.style import Style

_ISO, _CLOCK = "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"
_HEAD = ("when (host's clock, UTC)", "run", "state", "by", "from", "what")


def words(runs: Runs) -> str:
    """How many there are."""
    if not runs.every:
        return "no run of this toolkit is known here"
    return "1 run" if len(runs.every) == 1 else f"{len(runs.every)} runs"


def lines(this: str, runs: Runs, style: Style) -> Iterator[str]:
    """A table, the latest run first; below a run that has not ended well, what to do about it.

    `this` are the words that lead a command to the same host: `--host web1`.
    """
    rows = [_row(run, runs) for run in reversed(runs.every)]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)] if rows else []
    if rows:
        yield style.dim(_laid_out(_HEAD, widths))
    for run, row in zip(reversed(runs.every), rows, strict=True):
        yield _painted(run, runs, style, _laid_out(row, widths))
        if said := advice(this, run, runs):
            yield f"    {style.red(said)}"
    if runs.holder:
        yield f"  {style.yellow('at work')} {masking.text(runs.holder)}"
    if runs.damaged:
        yield f"  {style.yellow('warning')} {runs.damaged} folders of the journal hold no run that can be read"


def advice(this: str, run: Run, runs: Runs) -> str | None:
    """What a person should do about a run that has not ended, or not well; `this` as for `lines`."""
    if run.state == "needs_human":
        where = f"/var/lib/remediate/txn/{run.id}"
        return f"not everything could be put back: a person must look; the old files are in {where}/before, see its log"
    if run.ended:
        return None
    if not runs.holder:
        return f"it was interrupted before its end: invoke recover {this}"
    if run.state == "await":
        until = f" until {_when(run.until, _CLOCK)}" if run.until else ""
        words_ = f"{this} --run {run.id}"
        return f"it waits for a confirmation{until}: invoke confirm {words_}; or at once back: invoke undo {words_}"
    return "it is at work, or about to undo itself: ask again in a moment"


def data(host: str, runs: Runs) -> dict[str, Any]:
    """For the JSON document; the oldest first."""
    return {
        "runs": [_run(host, run, runs) for run in runs.every],
        "open": runs.open,
        "holder": None if runs.holder is None else masking.text(runs.holder),
        "damaged": runs.damaged,
    }


def _run(host: str, run: Run, runs: Runs) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state,
        "when": _when(run.when, _ISO),
        "who": masking.text(run.who),
        "from": masking.text(run.origin),
        "until": None if run.until is None else _when(run.until, _ISO),
        "remediations": [masking.text(name) for name in run.remediations],
        "undoes": run.undoes,
        "undone_by": runs.undone_by.get(run.id),
        "files": [{"path": masking.defused(f.path), "before": f.before, "after": f.after} for f in run.files],
        "acts": [
            {"action": action, "unit": None if unit == "-" else masking.defused(unit)} for action, unit in run.acts
        ],
        "advice": advice(f"--host {host}", run, runs),
    }


def _row(run: Run, runs: Runs) -> tuple[str, ...]:
    state = run.state.replace("_", " ")
    undone = f", undone by {by}" if (by := runs.undone_by.get(run.id)) else ""
    told = (run.who, run.origin, f"{run.what} ({_size(run)})")
    return (_when(run.when, _CLOCK), run.id, f"{state}{undone}", *(_one_line(each) for each in told))


def _size(run: Run) -> str:
    files = f"{len(run.files)} file{'' if len(run.files) == 1 else 's'}"
    acts = ", ".join(f"{action} {unit}" if unit != "-" else action for action, unit in run.acts)
    return f"{files}, {acts}" if acts else files


def _when(seconds: float, shape: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(shape)
    except (OverflowError, ValueError, OSError):
        return "?"


def _one_line(text: str) -> str:
    return " ".join(masking.text(text).split())


def _laid_out(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return f"  {'  '.join(padded)}".rstrip()


def _painted(run: Run, runs: Runs, style: Style, line: str) -> str:
    if run.state == "needs_human" or (not run.ended and not runs.holder):
        return style.red(line)
    if not run.ended:
        return style.yellow(line)
    return line if runs.stands(run) else style.dim(line)
