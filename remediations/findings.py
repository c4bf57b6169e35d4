"""Findings: what is wrong, with the lines it rests on and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Confidence = Literal["certain", "likely", "possible", "unknown"]


@dataclass(frozen=True)
class Evidence:
    """One line as the host gave it. `source`: log:PATH | journal:UNIT | unit:NAME | socket | http | file:PATH | …"""

    source: str
    text: str


@dataclass(frozen=True)
class Finding:
    """`remediation` is the id of what cures it; where it is None a person must act and `advice` says how.

    `aside`: it is wrong and should be known, but explains nothing of what is bad now, and so is no root cause.
    """

    cause: str
    subject: str
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...]
    remediation: str | None = None
    advice: str | None = None
    aside: bool = False
