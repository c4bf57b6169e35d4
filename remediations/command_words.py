"""The words of a command line: which there are, what is never meant by them, and the request that they make."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from remediations import request as ask
from remediations.errors import UsageError
from remediations.request import Request, Verb
from remediations.secret import Secret

REPEATED = ("--host", "--only", "--set", "--allow", "--resolve")
ONCE = (
    "--playbook", "--inventory", "--forks", "--format", "--output", "--health-url", "--settle", "--plan", "--run",
    "--confirm-timeout", "--wait-lock", "--known-hosts", "--host-key-checking", "--for", "--verify", "--save", "--from",
    "--every", "--url",
)  # fmt: skip
SWITCHES = ("--dry-run", "--yes", "--require-proof", "--hold", "--ask-become-pass", "--detailed-exitcode")
PROGRAM_FLAGS = ("--list", "-l", "--help", "-h", "--version", "-V", "--complete", "--print-completion-script")
_PARAMETERS = {"--set": "set_", "--for": "for_", "--from": "from_"}

DEFAULT_FORKS = "32"
_OF_A_HOST = (
    "--save", "--inventory", "--playbook", "--health-url", "--url",
    "--resolve", "--known-hosts", "--host-key-checking", "--ask-become-pass",
)  # fmt: skip

_ALL = frozenset({
    "--host", "--inventory", "--playbook", "--forks", "--format", "--output", "--known-hosts", "--host-key-checking",
    "--ask-become-pass",
})  # fmt: skip
_ASKING = _ALL | {"--health-url", "--detailed-exitcode"}
_APPLYING = _ASKING | {
    "--dry-run", "--yes", "--settle", "--require-proof", "--plan", "--confirm-timeout", "--wait-lock",
}  # fmt: skip
FLAGS: Mapping[Verb, frozenset[str]] = {
    "remediate": _APPLYING | {"--only", "--set", "--allow", "--hold", "--verify"},
    "diagnose": _ASKING | {"--url", "--resolve", "--save", "--from"},
    "verify": _ASKING | {"--url", "--resolve", "--for"},
    "undo": _APPLYING | {"--run"},
    "confirm": _ASKING | {"--run"},
    "recover": _ASKING,
    "history": _ALL,
    "watch": _ALL - {"--forks", "--output"} | {"--health-url", "--every", "--for"},
}


def check(argv: Sequence[str]) -> None:
    """Invoke takes `--host` without a value, and `--only --dry-run` for an --only of "--dry-run": neither is meant.

    It takes several verbs, too, but a verb ends with the exit code of its run, and no second one would ever begin.
    """
    verb, words = "", iter([*argv, ""])
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in (*REPEATED, *ONCE):
            _check_value(flag, value if equals else next(words), joined=bool(equals))
        elif verb and word and not word.startswith("-"):
            raise UsageError(f"{verb} {word}: one verb a run, please")
        elif word in get_args(Verb):
            verb = word


def with_verb(argv: Sequence[str]) -> list[str]:
    """The words of `remediate`, the command: where the first one is a flag, the verb of that name is meant."""
    flag_first = bool(argv) and argv[0].startswith("-") and argv[0].partition("=")[0] not in PROGRAM_FLAGS
    return ["remediate", *argv] if flag_first else list(argv)


def request(verb: Verb, words: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Request:
    """The words of a verb, checked; `words` by the names that the verb's task gives them. Raises UsageError."""
    environ = dict(os.environ) if environ is None else environ
    secret = environ.get("REMEDIATE_BECOME_PASSWORD") or environ.get("ANSIBLE_BECOME_PASSWORD")
    return Request(
        verb=verb,
        hosts=ask.words(words.get("host")),
        playbook=words.get("playbook"),
        inventory=words.get("inventory"),
        only=ask.words(words.get("only")),
        settings=ask.words(words.get("set_")),
        allow=ask.words(words.get("allow")),
        dry_run=bool(words.get("dry_run")),
        yes=bool(words.get("yes")),
        forks=ask.count("--forks", str(words.get("forks", DEFAULT_FORKS)), most=128),
        format=ask.one_of("--format", words.get("format", "text"), ask.FORMATS),
        output=Path(words["output"]) if words.get("output") else None,
        save=_saved(words),
        source=_source(words),
        health_url=words.get("health_url"),
        url=_url(words),
        resolve=ask.resolve(ask.words(words.get("resolve"))),
        settle=ask.seconds("--settle", words.get("settle")),
        require_proof=bool(words.get("require_proof")),
        plan=ask.plan_hash(words.get("plan")),
        run=ask.run_id(words.get("run")),
        hold=bool(words.get("hold")),
        confirm_timeout=ask.whole_seconds("--confirm-timeout", words.get("confirm_timeout"), least=10, most=86400),
        wait_lock=ask.whole_seconds("--wait-lock", words.get("wait_lock"), least=0, most=3600) or 0,
        known_hosts=Path(words["known_hosts"]).expanduser() if words.get("known_hosts") else None,
        host_key_checking=ask.checking("--host-key-checking", words.get("host_key_checking")),
        become_password=Secret(secret) if secret else None,
        detailed_exitcode=bool(words.get("detailed_exitcode")),
        window=ask.duration(
            "--for", words.get("for_"), least=verb == "watch", most=604_800 if verb == "watch" else 3600
        ),
        every=ask.duration("--every", words.get("every", "30s"), least=2, most=3600) or 0,
        full=ask.one_of("--verify", words.get("verify", "confirm"), ("confirm", "full")) == "full",
        environ=environ,
    )


def _saved(words: Mapping[str, Any]) -> Path | None:
    save = words.get("save")
    if save == "-":
        raise UsageError("--save -: a bundle goes to a file")
    if save and words.get("output") and os.path.realpath(save) == os.path.realpath(words["output"]):
        raise UsageError(f"--save {save}: --output names the same file")
    return Path(save) if save else None


def _url(words: Mapping[str, Any]) -> str | None:
    if not words.get("url"):
        if words.get("resolve"):
            raise UsageError("--resolve says where a --url leads, and there is none")
        return None
    from remediations import health_settings  # it reads YAML, too, which is not needed before the first login

    return health_settings.visitors_url(words["url"])


def _source(words: Mapping[str, Any]) -> Path | None:
    """With `--from` no host is asked, so nothing may be said about how."""
    if not words.get("from_"):
        return None
    given = [flag for flag in _OF_A_HOST if words.get(flag.removeprefix("--").replace("-", "_"))]
    if str(words.get("forks", DEFAULT_FORKS)) != DEFAULT_FORKS:
        given.append("--forks")
    if given:
        raise UsageError(f"--from asks no host: {', '.join(given)} cannot be meant")
    return Path(words["from_"])


def guess(argv: Sequence[str]) -> Request | None:
    """What Invoke will make of these words, known before Invoke is; None where they are not plain.

    Plain are one verb and then flags with their values, each as `--help` shows it. Raises UsageError for a value.
    """
    check(argv)
    verb: Verb | None = next((known for known in FLAGS if argv[:1] == [known]), None)
    words = _parameters(argv[1:], FLAGS[verb]) if verb else None
    if verb is None or words is None or (verb == "confirm" and "run" not in words) or words.get("ask_become_pass"):
        return None
    return request(verb, words)


def _parameters(flags: Sequence[str], known: frozenset[str]) -> dict[str, Any] | None:
    """The flags as a task gets them. None for words that are not known to it, or stand twice."""
    given: dict[str, Any] = {}
    rest = iter(flags)
    for word in rest:
        flag, equals, value = word.partition("=")
        name = _PARAMETERS.get(flag, flag.removeprefix("--").replace("-", "_"))
        if flag not in known or (name in given and flag not in REPEATED):
            return None
        if flag in SWITCHES and equals:
            return None
        text = True if flag in SWITCHES else value if equals else next(rest)
        given[name] = [*given.get(name, []), text] if flag in REPEATED else text
    return given


def _check_value(flag: str, value: str, *, joined: bool) -> None:
    if not value.strip() or (not joined and value.startswith("--")):
        raise UsageError(f"{flag}: a value is missing")
