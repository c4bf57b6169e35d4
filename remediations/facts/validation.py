"""What the host's own validators say of its configuration, run where they can write nothing that stays."""

from __future__ import annotations

import posixpath
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from remediations.facts.base import Fact, Unknown
from remediations.quoting import quote
from remediations.remote import program

SECONDS = 20
SECONDS_EACH = 15

# Where every program may leave something: pid files, sockets, logs; PHP makes and removes a lock file in /tmp.
SCRATCH = ("/run", "/var/log", "/tmp", "/var/tmp")  # noqa: S108 - covered, never written

# Said by `php-fpm -t` while it exits 0 (causes: a php.ini that does not parse, an extension that is not there).
FPM_ONLY_PRINTED = "syntax error|Unable to load dynamic library|Invalid .* value"


@dataclass(frozen=True)
class Validator:
    """One command that judges configuration: `name` for people, `words` as it is started, `subject` what it judges.

    `relevant`, where given, holds words, one a line; a line of its output must contain one of them to count, whatever
    the exit code: systemd-analyze speaks of all units and exits 0. `also_bad` is an extended
    regular expression, whatever the case, for the faults that are only printed.
    """

    name: str
    words: tuple[str, ...]
    subject: str
    relevant: str | None = None
    also_bad: str = ""

    @property
    def command(self) -> str:
        """As shell text."""
        return " ".join(quote(word) for word in self.words)


@dataclass(frozen=True)
class Verdict:
    """What a validator answered. `fatal` tells, of one that is not ok, whether a daemon would not take the files."""

    name: str
    subject: str
    ok: bool
    output: str
    fatal: bool = True


Verdicts = tuple[Verdict, ...]


def nginx(binary: str, main: str, prefix: str) -> Validator:
    return Validator("nginx -t", (binary, "-t", "-c", main, "-p", prefix), main)


def php_fpm(binary: str, main: str) -> Validator:
    name = f"{posixpath.basename(binary)} -t"
    return Validator(name, (binary, "-t", "-y", main), main, also_bad=FPM_ONLY_PRINTED)


def unit(*names: str) -> Validator:
    """All in one go: systemd-analyze loads the same units behind each of them, 30 ms a call."""
    shown = " ".join(names)
    words = ("systemd-analyze", "verify", "--man=no", *names)
    return Validator(f"systemd-analyze verify {shown}", words, shown, relevant="\n".join(names))


def contained(folders: Sequence[str], body: str, *, end: str) -> str:
    """A script that runs `body` in a private mount namespace where these folders are covered.

    `end` is a random word that no line of `body` equals; the body is the stdin of the inner shell, so its size is
    not bounded by what an argument may hold. Exits 3 with the reason where the host does not let us.
    """
    roots = " ".join(quote(folder) for folder in outermost(folders))
    return f"""
[ "$(id -u)" = 0 ] || {{ echo 'not root: no private mount namespace'; exit 3; }}
command -v unshare >/dev/null 2>&1 || {{ echo 'unshare is not installed'; exit 3; }}
why=$(unshare -m --propagation private true 2>&1) || {{ echo "unshare is not allowed: $why"; exit 3; }}
unshare -m --propagation private sh -s <<'{end}'
{{
{program("contain")}
why=$(contain {roots} 2>&1) || {{ echo "no private copy: $why"; exit 3; }}
contain_done=1
{body}
}} </dev/null
{end}
"""


def outermost(folders: Sequence[str]) -> tuple[str, ...]:
    """Each folder once, without those that lie in another one of them."""
    clean = sorted({posixpath.normpath(folder) for folder in folders if folder.startswith("/")})
    return tuple(f for f in clean if not any(f != g and f.startswith(g.rstrip("/") + "/") for g in clean))


def commands(validators: Sequence[Validator], mark: str) -> str:
    """Shell text that runs each validator, for a limited time, and frames its answer with `mark`."""
    limit = f"limit='timeout -k 1 {SECONDS_EACH}'; command -v timeout >/dev/null 2>&1 || limit="
    return "\n".join([limit, *(f"( $limit {v.command} ) 2>&1; printf '\\n{mark} %d\\n' $?" for v in validators)])


def fact(validators: Sequence[Validator], writable: Sequence[str]) -> Fact[Verdicts]:
    """Asks each validator; `writable` are the folders in which they may create logs, pid files or temporary folders."""
    mark, end = secrets.token_hex(16), secrets.token_hex(16)
    script = contained((*SCRATCH, *writable), f"echo {mark}\n{commands(validators, mark)}", end=end)
    return Fact("validation", script, lambda stdout: _parse_marked(stdout, validators), SECONDS)


def _parse_marked(stdout: bytes, validators: Sequence[Validator]) -> Verdicts | Unknown:
    """An answer that begins with its own mark, so that it can be read again later."""
    mark, _, rest = stdout.partition(b"\n")
    return parse(b"\n" + rest, validators, mark.decode(errors="replace"))


def parse(stdout: bytes, validators: Sequence[Validator], mark: str) -> Verdicts | Unknown:
    """One verdict a validator, in order; what stands behind the last answer says why there are no more."""
    pieces = re.split(rf"\n{re.escape(mark)} (\d+)\n", stdout.decode(errors="replace"))
    if len(pieces) != 2 * len(validators) + 1:
        return Unknown(pieces[-1].strip() or "the validators did not answer")
    return tuple(judge(v, int(pieces[2 * i + 1]), pieces[2 * i]) for i, v in enumerate(validators))


def judge(validator: Validator, exit_code: int, text: str) -> Verdict:
    """An exit code of 0 is not enough: some faults are only printed."""
    lines = [line for line in text.strip().split("\n") if line.strip()]
    if exit_code in (124, 137):
        lines.append(f"no answer within {SECONDS_EACH} s")
    elif validator.relevant is not None:
        names = validator.relevant.splitlines()
        lines, exit_code = [line for line in lines if any(name in line for name in names)], 0
    bad = validator.also_bad if validator.relevant is None else "."
    printed = bool(bad) and any(re.search(bad, line, re.IGNORECASE) for line in lines)
    ok = exit_code == 0 and not printed
    return Verdict(validator.name, validator.subject, ok, "\n".join(lines), fatal=exit_code != 0)
