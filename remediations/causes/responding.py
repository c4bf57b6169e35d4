"""Responding: a backend takes nginx's request and gives nothing, too late, too much, or another language back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from remediations.causes import php_workers, unanswered
from remediations.editors.nginx_address import Address, parse_address
from remediations.facts.base import Unknown
from remediations.facts.http import Probe
from remediations.findings import Evidence, Finding
from remediations.host import listening, topology
from remediations.nginx import complaints
from remediations.nginx.complaints import Saying
from remediations.php import fpm_log, timeouts, waiting
from remediations.php import pools as php_pools
from remediations.php.pools import PoolAt
from remediations.snapshot import Snapshot

_CLOSED = r"upstream prematurely closed (?:connection|FastCGI \w{1,10})"
LEFT_ALONE = (
    "Read the app's own log at that second: it died, or gave up the request. If it runs on, it may want to be spoken "
    "to otherwise (TLS, the PROXY protocol): ask it without nginx, by curl -v."
)
SAYINGS = (
    Saying(
        "header-too-big",
        re.compile(r"upstream sent too big header while reading response header"),
        "the response's head of {subject} is larger than nginx's buffer for it",
        "Cookies or redirects that grow are worth a look in the app: more room cures the 502, not their growth. "
        "Where the cure was rolled back the head is larger still: --set raise-header-buffers.size=256k.",
        remediation="raise-header-buffers",
    ),
    Saying(
        "protocol-mismatch",
        re.compile(
            r"upstream sent (?:unsupported FastCGI protocol version|no valid HTTP/1\.\d header)"
        ),
        "{subject} does not speak the language that nginx speaks to it",
        "fastcgi_pass is for PHP-FPM, proxy_pass for HTTP servers: use the one that fits, or the right port; then "
        "nginx -t and reload.",
    ),
    Saying(
        "invalid-header",
        re.compile(r"upstream sent invalid header"),
        "{subject} sends a head that is no valid HTTP",
        "Mend the app: the line shows the header that it sends.",
    ),
    Saying(
        "slow-upstream",
        re.compile(r"upstream timed out \(110: [^)]*\) while (?:reading (?:response header|upstream)|sending request)"),
        "{subject} takes longer to answer than nginx waits",
        "Find what it waits for: its slow log, the database, a server elsewhere. Raising the timeout comes last, if "
        "ever.",
    ),
    Saying(
        "upstream-closed",
        re.compile(rf"{_CLOSED} while reading response header"),
        "{subject} takes the request and hangs up without an answer",
        LEFT_ALONE,
        "likely",
    ),
    Saying(
        "worker-killed",
        re.compile(r"(?:recv|readv)\(\) failed \(104: Connection reset by peer\) while reading response header"),
        "the worker of {subject} that had the request is gone: the connection was reset",
        "Read the log of PHP-FPM at that second: it says by which signal.",
        "likely",
    ),
    Saying(
        "truncated-body",
        re.compile(rf"(?:{_CLOSED}|(?:recv|readv)\(\) failed \(104: [^)]*\)) while reading upstream"),
        "{subject} hangs up in the midst of its answer: visitors get half a page with status 200",
        "Read the app's own log at that second: it died, or its answer is shorter than its Content-Length header says "
        "(set before something else changed the body). Nothing in nginx cures it.",
        "likely",
    ),
    Saying(
        "truncated-body",
        re.compile(r'open\(\) "(?P<name>/[^"]{1,400}?)(?:/\d+){1,9}" failed \(13: [^)]*\) while reading upstream'),
        "nginx may not write to {name}, where it puts answers that are larger than its buffers, and cuts them off",
        "The folder must belong to the user of nginx's workers, who must get through all folders above: namei -l "
        "{name} shows them. A restart of nginx makes the folder itself its own again. Never chmod 777.",
    ),
)  # fmt: skip
HANGING = (
    "Look what it waits for: ss -tnp state syn-sent shows connections that nobody answers (a firewall that drops, a "
    "host that is down), ss -tnp state established those whose app is slow. nginx says so itself after its own "
    "timeout."
)
HTTP_SERVERS = ("nginx", "apache2", "httpd", "lighttpd", "caddy", "node", "gunicorn", "uvicorn", "puma", "java", "php")
"""Programs that listen for HTTP themselves (`php -S`); what stands before a container may lead to anything."""
_DISAPPOINTED = ("upstream-closed", "worker-killed", "protocol-mismatch")
"""How nginx takes an answer in another language, by how the other side takes nginx's question."""


def find(snapshot: Snapshot) -> Iterator[Finding]:
    """What nginx's log says of answers; protocol-mismatch also where the configuration shows it."""
    wrong = {finding.subject: finding for finding in _another_language(snapshot)}
    yield from wrong.values()
    every = map(_by_language, complaints.findings(snapshot, SAYINGS))
    said = tuple({(one.cause, one.subject): one for one in every}.values())
    garbled = {finding.subject for finding in said if finding.cause == "protocol-mismatch"} - set(wrong)
    explained = {*wrong, *garbled, *_with_dead_workers(snapshot)}
    for finding in said:
        told = finding.cause == "protocol-mismatch" and finding.subject in garbled
        if told or finding.subject not in explained or finding.cause not in (*_DISAPPOINTED, "truncated-body"):
            yield _with_pool(snapshot, finding)
    yield from {finding.subject: finding for finding in _hanging(snapshot)}.values()


def _by_language(finding: Finding) -> Finding:
    """Only of PHP-FPM a reset is known to be a worker's death: an app may reset what it does not like, and run on."""
    fastcgi = any(', upstream: "fastcgi://' in one.text for one in finding.evidence)
    if finding.cause != "worker-killed" or fastcgi:
        return finding
    what = f"{finding.subject} takes the request and resets the connection without an answer"
    return replace(finding, cause="upstream-closed", summary=what, advice=LEFT_ALONE)


def _with_pool(snapshot: Snapshot, finding: Finding) -> Finding:
    """What the pool behind a finding adds: its slow log and its timeouts, or that it keeps silent of its workers."""
    at = _pool(snapshot, finding.subject)
    if at is None or finding.cause not in ("slow-upstream", "worker-killed"):
        return finding
    if finding.cause == "worker-killed":
        more = f"Its log will not: {mute}; set it to notice." if (mute := fpm_log.muted(at.version)) else ""
    else:
        more = timeouts.broken(snapshot, at)
        finding = replace(finding, evidence=(*finding.evidence, *waiting.slow(snapshot, at)))
    return replace(finding, advice=f"{finding.advice} {more}".rstrip())


def _pool(snapshot: Snapshot, subject: str) -> PoolAt | None:
    """The pool that listens where nginx's log calls it so."""
    versions = () if isinstance(snapshot.fpm_versions, Unknown) else snapshot.fpm_versions
    named = [one for one in topology.backend_addresses(snapshot) if subject in listening.names(snapshot, one)]
    pools = php_pools.every(versions)
    return next((at for at in pools if any(at.listens_at(address) for address in named)), None)


def _hanging(snapshot: Snapshot) -> Iterator[Finding]:
    """Sites that had not answered when we hung up, before nginx itself gave up and wrote anything."""
    told = {site for record in complaints.fresh(snapshot) for site in record.sites}
    told |= {site for answer, _ in unanswered.waits(snapshot) for site in answer.probe.sites}
    answers = () if isinstance(snapshot.answers, Unknown) else snapshot.answers
    for answer in answers:
        if answer.hangs and not told & answer.probe.sites and _asks_nginx(snapshot, answer.probe):
            what = f"{answer.probe.url} has no answer after {answer.probe.timeout:g} s, and nginx still waits for one"
            evidence = (Evidence("http", f"{answer.probe.url}: {answer.failure}"),)
            site = answer.probe.host or urlsplit(answer.probe.url).hostname or answer.probe.url
            yield Finding("slow-upstream", site, "possible", what, evidence, None, HANGING)


def _asks_nginx(snapshot: Snapshot, probe: Probe) -> bool:
    """Whether nginx listens on the port that was asked: a health URL may lead anywhere."""
    url = urlsplit(probe.url)
    asked = parse_address(probe.connect or url.netloc, 443 if url.scheme == "https" else 80)
    processes = {} if isinstance(snapshot.processes, Unknown) else snapshot.processes
    sockets = listening.same_port(snapshot, asked) if asked and asked.port else ()
    return any(pid in processes and processes[pid].name == "nginx" for one in sockets for pid in one.pids)


def _with_dead_workers(snapshot: Snapshot) -> Iterator[str]:
    """The addresses of PHP-FPMs whose own log says how their workers die."""
    said = {finding.subject.partition(":")[0] for finding in php_workers.find(snapshot)}
    for address in topology.backend_addresses(snapshot):
        fpm = topology.fpm_of(snapshot, address)
        if fpm and fpm.fpm.unit in said:
            yield from listening.names(snapshot, address)


def _another_language(snapshot: Snapshot) -> Iterator[Finding]:
    """FastCGI spoken to what is no FastCGI server, or HTTP to PHP-FPM, and nginx is disappointed by the answer."""
    told = {complaints.subject(one): one for one in complaints.fresh(snapshot) if _disappointed(one.message)}
    for address in topology.backend_addresses(snapshot):
        record = next((told[name] for name in listening.names(snapshot, address) if name in told), None)
        if record is None or listening.listener(snapshot, address) is None:
            continue
        fpm = topology.fpm_of(snapshot, address)
        schemes = {one.scheme for one in topology.targets_at(snapshot, address)}
        if fpm and "http" in schemes:
            what = f"nginx speaks HTTP to {address}, which is PHP-FPM"
            advice = "Use fastcgi_pass there, with include fastcgi_params and SCRIPT_FILENAME"
        elif not fpm and "fastcgi" in schemes and (name := _no_fastcgi(snapshot, address)):
            what = f"nginx speaks FastCGI to {address}, where {name} listens"
            advice = "Use proxy_pass for a server of HTTP, or fastcgi_pass to a socket that PHP-FPM listens on"
        else:
            continue
        yield Finding(
            "protocol-mismatch", complaints.subject(record), "likely", what,
            (Evidence(record.source, record.text),), None,
            f"{advice}; then nginx -t and systemctl reload nginx.",
        )  # fmt: skip


def _disappointed(message: str) -> bool:
    return any(saying.cause in _DISAPPOINTED and saying.pattern.match(message) for saying in SAYINGS)


def _no_fastcgi(snapshot: Snapshot, address: Address) -> str | None:
    """The program that listens there, where it is known to be a server of HTTP."""
    socket = listening.listener(snapshot, address)
    if socket is None or isinstance(snapshot.processes, Unknown):
        return None
    names = (snapshot.processes[pid].name for pid in socket.pids if pid in snapshot.processes)
    return next((name for name in names if name in HTTP_SERVERS), None)
