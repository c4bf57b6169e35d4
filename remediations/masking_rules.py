"""What looks like a secret in one line of text or configuration, and what only resembles one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

MASK = "***"

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_PARTS = frozenset(
    {
        "password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "tokens", "apikey",
        "credential", "credentials", "authorization",
    }
)  # fmt: skip
_SECRET_AT_THE_END = frozenset(
    {
        "key", "auth", "pass", "pw", "cookie", "salt", "dsn", "signature", "sig", "jwt",
        "phpsessid", "jsessionid", "sessionid", "sid",
    }
)  # fmt: skip
# Directives whose names end like a secret's, but which hold a path, a template, a title or a size.
_HARMLESS = re.compile(
    r"(?:\w+_)?ssl_certificate_key|auth_jwt|ssl_session_ticket_key|(?:\w+_)?ssl_password_file|auth_basic|auth_basic_user_file"
    r"|auth_request|\w+_cache_key|(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass|PWD|OLDPWD|ask-become-pass",
)
_WHOLLY_SECRET = re.compile(r"secure_link_(?:md5|secret)|env\[[^\]]*\]|auth_jwt_key", re.I)

_INI = re.compile(r"\s*(?!location\s)[\w.\-]+(?:\[[^\]]*\])?\s*=")
_NAME = re.compile(r"(?<![\w/$.%])(?:--)?\$?[A-Za-z_][\w.-]*(?:\[[^\]\s]*\])?")
_EQUALS = re.compile(r"[\"']?\s*(?:=>|:=|!=|==|=|:(?!//)|!?~\*?)\s*")
_BLANK = re.compile(r"[\"']?\s+")
_BLOCK = re.compile(r"\{(?:\s|$)")
_QUOTED = r"\"(?:[^\"\\]|\\.)*(?:\"|$)|'(?:[^'\\]|\\.)*(?:'|$)"
_WORD = re.compile(rf"{_QUOTED}|[^\s;]+")
_ARGUMENTS = re.compile(rf"(?:{_QUOTED}|[^;\"'])*")
_SETS_A_NAME = re.compile(
    r"(?:\w+_param|\w+_set_header|add_header|add_trailer|set|env|SetEnv|RequestHeader|Header)\s+$"
)
# `password: use …` in our own messages is advice.
_OUR_ADVICE = re.compile(r"(?:use --ask-become-pass|add it to ssh-agent|set REMEDIATE_BECOME_PASSWORD)")
_NO_SECRET = re.compile(r"[\"']?(?:on|off|yes|no|true|false|null|none|\*\*\*|\d+[kmgs])[\"']?", re.I)
_VARIABLES = re.compile(r"\$\{\w+\}|\$\w+|[\s\"'(){}|:/?=&.,_\-]+")

_SHAPES = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"(?P<head>[a-z][a-z0-9+.-]*://)[^\s/@:\"']*:[^\s/@\"']*@", re.I),
        (r"(?P<head>[a-z][a-z0-9+.-]*://)[^\s/@:\"']{20,}@", re.I),
        (r"(?P<head>\b(?:Basic|Bearer|Digest)\s+)[\w+/=.~-]{6,}", re.I),
        (r"(?P<head>)\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", 0),
        (r"(?P<head>)\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_(?:live|test)_|sk-|AIza)[\w-]{16,}", 0),
        (r"(?P<head>)\bAKIA[0-9A-Z]{16}\b", 0),
        (r"(?P<head>\s(?:-u|--user)[ =])[^\s:]+:\S+", 0),
        (r"(?P<head>\bsess_)[0-9A-Za-z,-]{20,256}", 0),  # the file of a PHP session is named by its id
        (r"(?P<head>\bmysql\w*\b.*\s-p)\S+", 0),
    )
)


class Statement(NamedTuple):
    """A line of configuration, masked. `unfinished`: the secret goes on in the next line."""

    line: str
    unfinished: bool


def without_known_shapes(line: str) -> str:
    """Credentials that show what they are wherever they stand: in URLs, after Bearer, well-known tokens."""
    for shape in _SHAPES:
        line = shape.sub(rf"\g<head>{MASK}", line)
    return line


def in_prose(line: str) -> str:
    """Masks what follows a secret's name and a `=` or `:`, or stands in a quoted directive."""
    line = without_known_shapes(line)
    return _masked(line, list(_values_in_prose(line)))


def in_statement(line: str) -> Statement:
    """Masks what follows a secret's name, after a blank too where that is how configuration assigns."""
    line = without_known_shapes(line)
    spans = list(_values_in_statement(line))
    open_ended = any(end < 0 for _, end in spans)
    return Statement(_masked(line, [(start, end if end >= 0 else len(line)) for start, end in spans]), open_ended)


@lru_cache(maxsize=10_000)
def is_secret_name(name: str) -> bool:
    """`DB_PASSWORD`, `X-Api-Key`, `mail.password`, `env[ANY]`; not `proxy_pass` or `server_tokens.example.com`."""
    name = name.removeprefix("--")
    if _WHOLLY_SECRET.fullmatch(name):
        return True
    if _HARMLESS.fullmatch(name):
        return False
    inner = re.search(r"\[([^\]]*)\]$", name)
    last = (inner[1] if inner else name).split(".")[-1]
    parts = [part.lower() for part in _PARTS.findall(last)]
    if not parts or (last.startswith("$") and parts[-1] == "cookie"):
        return False
    if parts[-2:] == ["session", "id"]:
        return True
    return not _SECRET_PARTS.isdisjoint(parts) or parts[-1] in _SECRET_AT_THE_END


def _values_in_prose(line: str) -> Iterator[tuple[int, int]]:
    at = 0
    for name in _secret_names(line):
        if name.start() < at:
            continue
        value = _value_in_prose(line, name)
        if value and not _is_harmless(line[slice(*value)]):
            yield value
            at = value[1]


def _value_in_prose(line: str, name: re.Match[str]) -> tuple[int, int] | None:
    given = _EQUALS.match(line, name.end())
    blank = _BLANK.match(line, name.end())
    if given is None and blank and (name[0].startswith("--") or _SETS_A_NAME.search(line, 0, name.start())):
        given = blank
    if given is None or _OUR_ADVICE.match(line, given.end()):
        return None
    if re.search(r"(?:authorization|cookie)$", name[0], re.I):  # several words, up to the end of the header
        quote = line[name.start() - 1 : name.start()]
        end = line.find(quote, given.end()) if quote in ('"', "'") and quote and ":" in given[0] else -1
        return given.end(), end if end > given.end() else len(line)
    word = _WORD.match(line, given.end())
    if word is None:
        return None
    in_query = line[name.start() - 1 : name.start()] in ("?", "&")
    found = word[0].split("&")[0] if in_query else word[0]
    bare = found if found[:1] in "\"'" else re.sub(r"[,\"')\]}]+$", "", found)
    return (given.end(), given.end() + len(bare)) if bare else None


def _values_in_statement(line: str) -> Iterator[tuple[int, int]]:
    """Where values stand; an end of -1 where the value goes on in the next line."""
    comment = line.lstrip().startswith(("#", ";"))
    ini = _INI.match(line) is not None
    at = 0
    for name in _secret_names(line):
        if name.start() < at:
            continue
        value = _value_in_statement(line, name, comment=comment, ini=ini)
        if value is None or _is_harmless(line[value[0] : value[1] if value[1] >= 0 else None]):
            continue
        yield value
        at = value[1] if value[1] >= 0 else len(line)


def _value_in_statement(line: str, name: re.Match[str], *, comment: bool, ini: bool) -> tuple[int, int] | None:
    given = _EQUALS.match(line, name.end())
    sets_a_name = _SETS_A_NAME.search(line, 0, name.start()) is not None
    may_be_blank = not ini and not comment and not name[0].startswith("$")
    if given is None and _leads(line, name) and (may_be_blank or sets_a_name):
        given = _BLANK.match(line, name.end())
        if given and _BLOCK.match(line, given.end()):
            return None  # `upstream auth {`: a name, no value
    if given is None:
        alone = not comment and not ini and _leads(line, name) and not line[name.end() :].strip("\"' \t")
        return (len(line), -1) if alone else None
    if line[name.start() - 1 : name.start()] in ("?", "&"):
        return _value_in_prose(line, name)
    if ini or comment:
        end = len(line)
        return given.end(), -1 if ini and line.rstrip().endswith("\\") else end
    if (quote := _open_quote(line[: given.end()])) and (close := line.find(quote, given.end())) > 0:
        return given.end(), close
    arguments = _ARGUMENTS.match(line, given.end())
    end = arguments.end() if arguments else len(line)
    if name[0].startswith("$") and (close := line.rfind(")", given.end(), end)) > 0:
        return given.end(), close
    finished = end < len(line) or not _leads(line, name) or given[0].strip() in ("=", ":", "=>", ":=")
    return given.end(), end if finished else -1


def _open_quote(before: str) -> str:
    """The quote within which a text ends, if it does: a value in it ends with it, and what follows is not its own."""
    quote = escaped = ""
    for char in before:
        if escaped or char == "\\":
            escaped = "" if escaped else char
        elif char in "\"'" and quote in ("", char):
            quote = "" if quote else char
    return quote


def _leads(line: str, name: re.Match[str]) -> bool:
    """Whether it is the first or second word of its statement."""
    before = re.split(r"[;{}]", line[: name.start()])[-1].strip("\"' \t#")
    return len(before.split()) <= 1


def _secret_names(line: str) -> Iterator[re.Match[str]]:
    return (name for name in _NAME.finditer(line) if is_secret_name(name[0]))


def _is_harmless(value: str) -> bool:
    """A switch, a size, or nothing but variables: `$http_authorization`."""
    value = value.strip()
    if not value:
        return False
    return bool(_NO_SECRET.fullmatch(value)) or ("$" in value and not _VARIABLES.sub("", value))


def _masked(line: str, spans: list[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        gap = " " if start == end and start == len(line) else ""
        line = line[:start] + ("" if gap else MASK) + line[end:]
    return line
