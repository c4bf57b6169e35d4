"""What stands between visitors and the host: certificates, Cloudflare, load balancers, names, networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from remediations import health, origin
from remediations.facts.outside import Outside
from remediations.findings import Evidence, Finding
from remediations.snapshot import Snapshot

NEVER_OFF = (
    "Never set SSL to Off or Flexible for it, and do not turn the proxy off: that shows the origin to everybody."
)


@dataclass(frozen=True)
class _Saying:
    """A status that somebody in between gives in place of the host, and what to do about it."""

    cause: str
    status: int
    advice: str


_CLOUDFLARE = (
    _Saying("cloudflare-520", 520, "The origin gave what Cloudflare cannot read: look into its logs at that second."),
    _Saying(
        "cloudflare-521", 521,
        "The origin refuses Cloudflare: does it listen on 443 (Full) or 80 (Flexible), and does its firewall let "
        "Cloudflare's addresses in?",
    ),
    _Saying(
        "cloudflare-522", 522,
        "The origin does not answer Cloudflare: a firewall that drops its addresses, a wrong A record, or a host that "
        "has too much to do.",
    ),
    _Saying("cloudflare-523", 523, "Cloudflare finds no way to the origin: is the A record this host's address?"),
    _Saying(
        "cloudflare-524", 524,
        "The origin took longer than 120 s: find what it waits for, and let long work run in the background.",
    ),
    _Saying("cloudflare-525", 525, f"The TLS handshake with the origin fails: does it speak TLS on 443? {NEVER_OFF}"),
    _Saying(
        "cloudflare-526", 526,
        "SSL is Full (strict) and the origin's certificate does not hold: renew it, or install an Origin CA "
        f"certificate. Full without strict is a stopgap, with a way back. {NEVER_OFF}",
    ),
    _Saying("cloudflare-530", 530, "The code 1xxx in the page says more: 1016 is an origin without an address."),
)  # fmt: skip
_TARGETS = (
    "Look at the targets' health (aws elbv2 describe-target-health) and ask the health check's path on the host. Do "
    "not deregister the last target, do not loosen the check."
)
_ALB = (
    _Saying("alb-no-healthy-target", 503, _TARGETS),
    _Saying("alb-target-unhealthy", 502, f"A target hung up or gave what is no HTTP answer. {_TARGETS}"),
    _Saying("alb-target-unhealthy", 504, f"A target did not answer in time. {_TARGETS}"),
)
_PATH = {
    "dns": "Does the name exist, and does the resolver know it? dig NAME; compare with the address of this host.",
    "refused": "Is that the address of this host, and does a firewall or the load balancer before it refuse?",
    "timeout": "Is that the address of this host? A firewall or a security group may drop what comes from here.",
    "unreachable": "Is that the address of this host, and does a route lead there?",
    "tls": "Who ends TLS at that address, with which protocols? openssl s_client -connect ADDRESS:443 -servername NAME",
    "closed": "What stands before the host (load balancer, CDN, firewall) hangs up: read its log at that second.",
}


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """Only where somebody gave a --url."""
    outside = snapshot.outside
    if outside is None:
        return
    if outside.untrusted:
        yield _certificate(outside, outside.untrusted)
    if origin.complaint(outside):
        yield from _broken(snapshot, outside)


def _certificate(outside: Outside, why: str) -> Finding:
    expired = "expired" in why
    summary = f"visitors are shown a certificate that does not hold: {why}"
    advice = "Renew it and reload what serves it." if expired else "Serve the certificate and the chain of this name."
    evidence = Evidence("http", f"{outside.url} at {outside.address}: {why}")
    if expired:
        return Finding("certificate-expired", _name(outside), "certain", summary, (evidence,), None, advice)
    return Finding("certificate-invalid", _name(outside), "certain", summary, (evidence,), None, advice)


def _broken(snapshot: Snapshot, outside: Outside) -> Iterator[Finding]:
    made, inside = origin.layer(outside), origin.at_host(snapshot, outside)
    evidence = (Evidence("http", origin.compared(snapshot, outside)),)
    name, good = _name(outside), inside is not None and health.complaint(inside) is None
    between = {"cloudflare": ("Cloudflare", _CLOUDFLARE), "alb": ("the load balancer", _ALB)}.get(made)
    who, sayings = between or ("", ())
    said = next((one for one in sayings if one.status == outside.status), None)
    if said:
        summary = f"{who} answers {outside.status} in place of the host"
        yield Finding(said.cause, name, "certain", summary, evidence, None, said.advice)
    elif good:
        summary = f"the host answers {outside.url} well, and from here it is bad: {origin.complaint(outside)}"
        advice = _PATH.get(
            outside.trouble or "", "Another server, or one before this host, answers: whose address is it?"
        )
        yield Finding("path-broken", outside.address or name, "likely", summary, evidence, None, advice)


def _name(outside: Outside) -> str:
    return urlsplit(outside.url).hostname or outside.url
