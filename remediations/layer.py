"""Who made a page: nginx, Apache, the app, PHP, WordPress, Cloudflare or a load balancer, told from the page itself."""

from __future__ import annotations

import re
from typing import Literal

Layer = Literal["nginx", "apache", "app", "php", "wordpress", "cloudflare", "alb", "network"]

_ONLY_CLOUDFLARE = (*range(520, 528), 530)
"""Statuses that nobody else gives."""
_CLOUDFLARES_OWN = re.compile(
    r"^\s*error code: \d{3,4}\s*$|<title>[^<]* \| \d{3}: |cf-error-details|Cloudflare Ray ID|/cdn-cgi/styles/"
)
_THROUGH_CLOUDFLARE = re.compile(r"(?im)^(?:server: *cloudflare|cf-ray:)")

# Servers hand on what is behind them, and put their own name on it: so the body is asked before the head. WordPress's
# pages say what they have to say in the site's language and below 2 KiB of style; it is the style that all have.
_SIGNATURES: tuple[tuple[Layer, Literal["head", "body"], re.Pattern[str]], ...] = (
    (
        "wordpress",
        "body",
        re.compile(
            r"#error-page p,\s|<title>WordPress &rsaquo; |There has been a critical error on this website|"
            r"Error establishing a database connection|Briefly unavailable for scheduled maintenance"
        ),
    ),
    ("nginx", "body", re.compile(r"<hr><center>(?:nginx|openresty)|Faithfully yours, nginx")),
    (
        "apache",
        "body",
        re.compile(
            r"<title>50\d Proxy Error|<address>Apache|<p>The server is temporarily unable to service your\n|"
            r"<p>The server encountered an internal error or\n"
        ),
    ),
    (
        "php",
        "body",
        re.compile(r"^(?:File not found|Access denied)\.\n$|<b>(?:Fatal|Parse) error</b>: |PHP Fatal error: "),
    ),
    ("wordpress", "head", re.compile(r"(?im)^(?:x-redirect-by: wordpress|link: .*https://api\.w\.org/)")),
    ("php", "head", re.compile(r"(?im)^x-powered-by: php")),
    ("alb", "head", re.compile(r"(?im)^server: *awselb/")),
)
_FILE_OF_NGINX = re.compile(r'(?im)^server: *(?:nginx|openresty)(?:.*\n)*etag: "[0-9a-f]+-[0-9a-f]+"\r?$')
"""A page of `error_page`: nginx marks what it reads from a file with the file's time and size."""


def maker(status: int | None, head: str, body: str) -> Layer:
    """Who made this answer. `head` begins with the status line; of the body its first KiB is enough."""
    if status is None:
        return "network"
    if _THROUGH_CLOUDFLARE.search(head) and (status in _ONLY_CLOUDFLARE or _CLOUDFLARES_OWN.search(body)):
        return "cloudflare"
    for name, part, pattern in _SIGNATURES:
        if pattern.search(head if part == "head" else body):
            return name
    return "nginx" if status >= 500 and _FILE_OF_NGINX.search(head) else "app"


def through(head: str) -> tuple[str, ...]:
    """Who stands before the server that answered, as far as the head says."""
    known = (("Cloudflare", _THROUGH_CLOUDFLARE), ("an AWS load balancer", re.compile(r"(?im)^server: *awselb/")))
    return tuple(name for name, pattern in known if pattern.search(head))
