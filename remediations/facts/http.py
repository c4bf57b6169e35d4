"""HTTP answers: what the site says when the host asks itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from remediations.facts.base import Fact, Unknown, fragment, lines_of
from remediations.quoting import quote

REFUSED, TIMED_OUT, EMPTY_REPLY = 7, 28, 52
CUT_SHORT = (REFUSED, 18, 56, 92)
"""How curl ends where the rest of a body does not come; REFUSED once a head was there is wget's word for it."""


@dataclass(frozen=True)
class Probe:
    """One question: `url` as a browser would name it, sent to `connect` (`host:port` or a unix socket's path) if given.

    `status` are the accepted codes as inclusive ranges; `contains` must stand in the body; `timeout` in seconds.
    A `derived` probe was not asked for by anybody: it is bad only for no answer, 5xx or an empty 200. Of a derived one
    it is known which status a limit_req would give (`limit`), which one an `if` of nginx's does as long as somebody
    wants it so (`switched_off`: maintenance), and whether nginx has read its file yet (`live`).
    """

    url: str
    host: str | None = None
    connect: str | None = None
    status: tuple[tuple[int, int], ...] = ((200, 399),)
    contains: str | None = None
    timeout: float = 5.0
    derived: bool = False
    limit: int | None = None
    live: bool = True
    switched_off: int | None = None

    @property
    def sites(self) -> frozenset[str]:
        """The names under which nginx logs this question, in small letters."""
        names = (self.host, urlsplit(self.url).hostname)
        return frozenset(name.lower() for name in names if name)

    @property
    def too_late(self) -> str:
        """What is said of an answer that did not come in time."""
        return f"no answer within {self.timeout:g} s"


@dataclass(frozen=True)
class HttpAnswer:
    """`status` is None where nothing answered (`failure` says why); `size` counts the body's bytes up to 256 KiB.

    `cut` is a body of which the server hung up before its announced end. While it had not come `unreached` were the
    addresses (`host:port`) that nginx had been trying to connect to for two seconds, for whomever.
    """

    probe: Probe
    status: int | None
    size: int
    contains: bool
    head: str
    body: str
    failure: str | None
    cut: bool = False
    unreached: tuple[str, ...] = ()

    @property
    def hangs(self) -> bool:
        """Whether it had not come when we hung up."""
        return self.failure == self.probe.too_late


HttpAnswers = tuple[HttpAnswer, ...]


def fact(probes: Sequence[Probe]) -> Fact[HttpAnswers]:
    """Asks all probes at the same time. A URL may hold a token, so no other user of the host may see it."""
    urls = tuple(re.sub(r"[\r\n]", "", probe.url) for probe in probes)
    calls = "\n".join(_call(number, probe) for number, probe in enumerate(probes))
    longest = max((probe.timeout for probe in probes), default=0)
    reads = "".join(f"IFS= read -r url_{number}\n" for number in range(len(probes)))
    watched = "unanswered & watch=$!\n"
    script = f"{fragment('http')}\n{reads}asked=\n{watched}{calls}\nwait $asked\nkill $watch 2>/dev/null\nwait\n"
    return Fact("http", script, lambda stdout: parse(stdout, probes), int(longest) + 3, stdin=urls)


def _call(number: int, probe: Probe) -> str:
    contains, host, connect = (quote(word or "") for word in (probe.contains, probe.host, probe.connect))
    return f'probe {number} {contains} {probe.timeout:g} "$url_{number}" {host} {connect} & asked="$asked $!"'


def parse(stdout: bytes, probes: Sequence[Probe]) -> HttpAnswers | Unknown:
    """Lines `rc NUMBER CODE`, `answer NUMBER SIZE FOUND HEAD BODY` and `syn PEER` in any order."""
    codes: dict[int, int] = {}
    unreached: dict[str, None] = {}
    answers: dict[int, list[str]] = {}
    for line in lines_of(stdout):
        words = line.split(" ")
        if words[0] == "rc":
            codes[int(words[1])] = int(words[2])
        elif words[0] == "answer" and len(words) == 6:
            answers[int(words[1])] = words[2:]
        elif words[0] == "syn" and len(words) == 2:
            unreached[words[1]] = None
    if len(answers) != len(probes):
        return Unknown("not every HTTP probe was answered")
    found = (_answer(probe, codes.get(i, -1), answers[i]) for i, probe in enumerate(probes))
    return tuple(one if one.status else replace(one, unreached=tuple(sorted(unreached))) for one in found)


def _answer(probe: Probe, code: int, words: list[str]) -> HttpAnswer:
    head, body = (base64.b64decode(word).decode(errors="replace") for word in words[2:])
    status = re.match(r"HTTP/\S+ (\d{3})", head)
    size, found = int(words[0]), words[1] == "1"
    if status is None:
        return HttpAnswer(probe, None, size, found, head, body, _failure(code, probe))
    return HttpAnswer(probe, int(status[1]), size, found, head, body, None, cut=code in CUT_SHORT)


def _failure(code: int, probe: Probe) -> str:
    known = {
        6: _unresolved(probe),
        REFUSED: "connection refused",
        TIMED_OUT: probe.too_late,
        35: "the TLS handshake failed",
        EMPTY_REPLY: "the connection was closed without an answer",
    }
    return known.get(code, f"no answer (curl exit code {code})")


def _unresolved(probe: Probe) -> str:
    """The site may well be there: only the host does not know its own name."""
    url = urlsplit(probe.url)
    instead = f"health: {{url: http://localhost{url.path or '/'}, host: {url.hostname}}}"
    return f"the name does not resolve on the host itself, from where it was asked; if this host serves it: {instead}"
