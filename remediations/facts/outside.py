"""A site as it is seen from the control side: what came back, from which address, and whether its certificate holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trouble = Literal["dns", "refused", "timeout", "unreachable", "tls", "closed"]


@dataclass(frozen=True)
class Outside:
    """`trouble` and `failure` where nothing answered; `untrusted` is what is wrong with the certificate.

    A certificate that does not hold is told, and the question asked again without looking at it.
    """

    url: str
    address: str | None
    status: int | None = None
    head: str = ""
    body: str = ""
    trouble: Trouble | None = None
    failure: str | None = None
    untrusted: str | None = None
