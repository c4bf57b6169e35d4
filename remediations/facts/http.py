"""HTTP answers: what the site says when the host asks itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown
from remediations.quoting import quote

REFUSED, TIMED_OUT, EMPTY_REPLY = 7, 28, 52


@dataclass(frozen=True)
class Probe:
    """One question: `url` as a browser would name it, sent to `connect` (`host:port` or a unix socket's path) if given.

    `status` are the accepted codes as inclusive ranges; `contains` must stand in the body; `timeout` in seconds.
    A `derived` probe was not asked for by anybody: it is bad only for no answer, 5xx or an empty 200.
    """

    url: str
    host: str | None = None
    connect: str | None = None
    status: tuple[tuple[int, int], ...] = ((200, 399),)
    contains: str | None = None
    timeout: float = 5.0
    derived: bool = False


@dataclass(frozen=True)
class HttpAnswer:
    """`status` is None where nothing answered (`failure` says why); `size` counts the body's bytes up to 256 KiB."""

    probe: Probe
    status: int | None
    size: int
    contains: bool
    head: str
    body: str
    failure: str | None


HttpAnswers = tuple[HttpAnswer, ...]

# Each probe runs beside the others and answers with two short lines, each one write and so never torn apart.
_PROBES = r"""
if command -v curl >/dev/null 2>&1; then
  ask() { # seconds url host connect
    seconds=$1 url=$2 host=$3 connect=$4
    set -- -q -s -i -k -g --noproxy '*' --max-time "$seconds" -A remediate
    [ -n "$host" ] && set -- "$@" -H "Host: $host"
    case $connect in '') ;; /*) set -- "$@" --unix-socket "$connect" ;; *) set -- "$@" --connect-to "::$connect" ;; esac
    curl "$@" -- "$url"
  }
elif command -v wget >/dev/null 2>&1; then
  ask() {
    url=$2
    case $4 in '') ;; /*) return 3 ;; *) name=${url#*://}; name=${name%%/*}; url=${url%%://*}://$4/${url#*://*/}; set -- "$1" "$2" "${3:-$name}" ;; esac
    wget -q --save-headers --content-on-error --max-redirect=0 --tries=1 --no-proxy --no-check-certificate -T "$1" \
      -U remediate ${3:+--header="Host: $3"} -O - -- "$url"
    code=$?; [ $code = 8 ] && code=0; [ $code = 4 ] && code=7; return $code
  }
else
  echo 'neither curl nor wget is installed'; exit 3
fi
blank=$(printf '\r\n\r\n.'); blank=${blank%.}
probe() { # number contains seconds url host connect
  number=$1 contains=$2; shift 2
  { ask "$@" 2>/dev/null; echo "rc $number $?" >&3; } | {
    answer=$(head -c 262144 | tr -d '\000'; echo .); answer=${answer%.}
    head=${answer%%"$blank"*}; body=
    case $answer in *"$blank"*) body=${answer#*"$blank"} ;; esac
    found=0; case $body in *"$contains"*) found=1 ;; esac
    echo "answer $number ${#body} $found $(printf %s "$head" | head -c 1000 | base64 | tr -d '\n') $(printf %s "$body" | head -c 1000 | base64 | tr -d '\n')" >&3
  }
}
exec 3>&1
"""


def fact(probes: Sequence[Probe]) -> Fact[HttpAnswers]:
    """Asks all probes at the same time."""
    calls = "\n".join(_call(number, probe) for number, probe in enumerate(probes))
    longest = max((probe.timeout for probe in probes), default=0)
    script = f"{_PROBES}\n{calls}\nwait\n"
    return Fact("http", script, lambda stdout: parse(stdout, probes), int(longest) + 3)


def _call(number: int, probe: Probe) -> str:
    words = (probe.contains or "", f"{probe.timeout:g}", probe.url, probe.host or "", probe.connect or "")
    return f"probe {number} {' '.join(quote(word) for word in words)} &"


def parse(stdout: bytes, probes: Sequence[Probe]) -> HttpAnswers | Unknown:
    """Lines `rc NUMBER CODE` and `answer NUMBER SIZE FOUND HEAD BODY` in any order."""
    codes: dict[int, int] = {}
    answers: dict[int, list[str]] = {}
    for line in stdout.decode(errors="replace").splitlines():
        words = line.split(" ")
        if words[0] == "rc":
            codes[int(words[1])] = int(words[2])
        elif words[0] == "answer" and len(words) == 6:
            answers[int(words[1])] = words[2:]
    if len(answers) != len(probes):
        return Unknown("not every HTTP probe was answered")
    return tuple(_answer(probe, codes.get(i, -1), answers[i]) for i, probe in enumerate(probes))


def _answer(probe: Probe, code: int, words: list[str]) -> HttpAnswer:
    head, body = (base64.b64decode(word).decode(errors="replace") for word in words[2:])
    status = re.match(r"HTTP/\S+ (\d{3})", head)
    failure = None if status else _failure(code, probe)
    return HttpAnswer(probe, int(status[1]) if status else None, int(words[0]), words[1] == "1", head, body, failure)


def _failure(code: int, probe: Probe) -> str:
    known = {
        6: "the name does not resolve",
        REFUSED: "connection refused",
        TIMED_OUT: f"no answer within {probe.timeout:g} s",
        35: "the TLS handshake failed",
        EMPTY_REPLY: "the connection was closed without an answer",
    }
    return known.get(code, f"no answer (curl exit code {code})")
