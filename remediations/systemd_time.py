"""Times as systemd writes them: `5s`, `1min 30s`, `300`; read by systemd.time(7), shown as `systemctl show` does."""

from __future__ import annotations

import re

_STEPS = {"y": 31_557_600, "month": 2_629_800, "w": 604_800, "d": 86_400, "h": 3600, "min": 60, "s": 1}
_OTHER_WORDS = {
    "year": "y", "years": "y", "months": "month", "M": "month", "week": "w", "weeks": "w", "day": "d", "days": "d",
    "hour": "h", "hours": "h", "hr": "h", "minute": "min", "minutes": "min", "m": "min",
    "second": "s", "seconds": "s", "sec": "s", "": "s",
}  # fmt: skip
_PART = re.compile(r"\s*([0-9]+)\s*([A-Za-z]*)")


def seconds(text: str) -> int | None:
    """Whole seconds; None for what is no such time: fractions, `infinity`, units below a second."""
    total, at = 0, 0
    while match := _PART.match(text, at):
        step = _STEPS.get(_OTHER_WORDS.get(match[2], match[2]))
        if step is None:
            return None
        total, at = total + int(match[1]) * step, match.end()
    return total if at and not text[at:].strip() else None


def shown(total: int) -> str:
    """How `systemctl show` prints so many seconds."""
    parts = []
    for word, step in _STEPS.items():
        count, total = divmod(total, step)
        if count:
            parts.append(f"{count}{word}")
    return " ".join(parts) or "0"
