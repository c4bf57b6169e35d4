"""One site from two sides: what the host answers itself, what comes back at the control side, and what that means."""

from __future__ import annotations

from urllib.parse import urlsplit

from remediations import health
from remediations.facts.base import Unknown
from remediations.facts.http import HttpAnswer
from remediations.facts.outside import Outside
from remediations.layer import Layer, maker
from remediations.snapshot import Snapshot

TIPS = (
    "whoever still sees an error: reload without the browser's cache, flush the DNS cache (resolvectl flush-caches), "
    "try another network"
)


def at_host(snapshot: Snapshot, outside: Outside) -> HttpAnswer | None:
    """What the host itself answered to the same question, maybe by another scheme: TLS may end before it."""
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    return next((one for one in answers if _question(one.probe.url) == _question(outside.url)), None)


def _question(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.netloc.lower(), parts.path or "/", parts.query


def complaint(outside: Outside) -> str | None:
    """Why this is no good answer for a visitor; that the certificate does not hold is told apart."""
    if outside.status is None:
        return outside.failure or "no answer"
    if outside.status >= 500:
        return f"status {outside.status}"
    return "status 200 with an empty body" if outside.status == 200 and not outside.body else None


def layer(outside: Outside) -> Layer:
    return maker(outside.status, outside.head, outside.body)


def compared(snapshot: Snapshot, outside: Outside) -> str:
    """Same fault, other fault, or the way to it; in one sentence."""
    here, inside = complaint(outside), at_host(snapshot, outside)
    where = f"{outside.url}{f' at {outside.address}' if outside.address else ''}, asked from here: {_said(outside)}"
    if inside is None:
        return f"{where}; the host itself was not asked the same"
    there = health.complaint(inside)
    said = f"on the host itself {there or f'status {inside.status}'}"
    if here and there:
        same = (outside.status, layer(outside)) == (inside.status, health.layer(inside))
        return f"{where}; {said}: {'the same fault' if same else 'another fault'}"
    if here:
        return f"{where}; {said}: the host is good, the way to it is not"
    if there:
        return f"{where}; {said}: from here a cache or another server answers"
    tips = f"; {TIPS}" if outside.status == 200 and not outside.untrusted else ""
    return f"{where}; {said}: good on both sides{tips}"


def _said(outside: Outside) -> str:
    said = complaint(outside) or f"status {outside.status}"
    by = f", answered by {layer(outside)}" if outside.status is not None and complaint(outside) else ""
    return f"{said}{by}{f', certificate not valid: {outside.untrusted}' if outside.untrusted else ''}"
