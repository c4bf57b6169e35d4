"""The table of a bench, for people and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tests.bench.contest import GOALS, Outcome

HEAD = ("hosts", "run", "toolkit, s", "one ssh exec each, s", "ratio", "by round", "goal")


def render(outcomes: Sequence[Outcome]) -> str:
    """Markdown: medians with the least and the most beside them; the ratio is that of the medians."""
    rows = [HEAD, *(_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    settled = max((outcome.settle for outcome in outcomes), default=0)
    return "\n".join(
        [*lines, "", f"The time for which an apply watches the units it touched is left out: {settled:g} s."]
    )


def _row(outcome: Outcome) -> tuple[str, ...]:
    goal = GOALS[outcome.kind]
    return (
        f"N={outcome.hosts}",
        f"{outcome.kind}, `{outcome.command}`",
        _spread(outcome.ours),
        _spread(outcome.theirs),
        f"{outcome.ratio:.2f}",
        f"{min(outcome.ratios):.2f} to {max(outcome.ratios):.2f}",
        f"≤ {goal:.1f}: {'met' if outcome.ratio <= goal else 'missed'}",
    )


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
