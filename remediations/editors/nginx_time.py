"""Times as nginx writes them in whole seconds: `30`, `30s`, `1m30s`, `1h`."""

from __future__ import annotations

import re

_TIME = r"(?=\d)(?:\d+y)?(?:\d+M)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s?)?"
_SECONDS = {"y": 31_536_000, "M": 2_592_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "": 1}


def seconds(text: str) -> int | None:
    """The seconds that nginx reads from it; None where nginx would not take it."""
    if not re.fullmatch(_TIME, text, re.ASCII):
        return None
    return sum(int(number) * _SECONDS[step] for number, step in re.findall(r"(\d+)([yMwdhms]?)", text))
