"""The user's verbs, as Invoke tasks of a few lines each; `remediate` is the installed command over them."""

from __future__ import annotations

import functools
import getpass
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.program import Program
from invoke.tasks import task

from remediations import request as ask
from remediations.errors import RemediateError
from remediations.request import Request, Verb
from remediations.secret import Secret

F = TypeVar("F", bound=Callable[..., int])

BUG = 70
CORE_FLAGS = ("--list", "-l", "--help", "-h", "--version", "-V", "--complete", "--print-completion-script")

_COMMON_HELP = {
    "host": "name, group, glob or !exclusion; repeats, commas",
    "inventory": "inventory file; else $REMEDIATE_INVENTORY, $ANSIBLE_INVENTORY, ./inventory.yml",
    "playbook": "name (see playbooks/) or path of a playbook",
    "format": "text or json",
    "output": "file for the report instead of stdout",
    "health-url": "ask this URL, from the host itself, instead of what the inventory says",
    "forks": "how many hosts at a time",
    "known-hosts": "one more known_hosts file",
    "host-key-checking": "yes (default), accept-new or no",
    "ask-become-pass": "prompt for the sudo password",
    "detailed-exitcode": "exit 2 where changes are pending or were made (diagnose: 3 with findings)",
}


def verb(body: F) -> F:
    """No exception but Exit reaches Invoke: errors raised on purpose are one line, bugs one line and a log file."""

    @functools.wraps(body)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            ask.check_words(sys.argv[1:])
            code = body(*args, **kwargs)
        except RemediateError as error:
            code = _say(str(error), error.exit_code)
        except KeyboardInterrupt:
            code = _say("interrupted; nothing was changed", 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 141
        except Exception:
            code = _bug()
        raise Exit(code=code)

    return guarded  # type: ignore[return-value]  # Invoke ignores what a task returns


def _say(text: str, code: int) -> int:
    from remediations import masking

    print(f"remediate: {masking.text(text)}", file=sys.stderr)
    return code


def _bug() -> int:
    from remediations import before_images, masking
    from remediations.run import new_id

    folder = before_images.state_folder(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / f"bug-{new_id()}.log"
    log.touch(mode=0o600)
    log.write_text(masking.text(traceback.format_exc()), encoding="utf-8")
    return _say(f"this is a bug of ours; the traceback is in {log}", BUG)


def _request(context: Context, verb: Verb, *, ask_become_pass: bool, **words: Any) -> Request:
    """The words of a verb, checked."""
    environ = dict(os.environ)
    secret = environ.get("REMEDIATE_BECOME_PASSWORD") or environ.get("ANSIBLE_BECOME_PASSWORD")
    if ask_become_pass:
        secret = getpass.getpass("sudo password: ")
    return Request(
        verb=verb,
        hosts=ask.words(words["host"]),
        playbook=words.get("playbook"),
        inventory=words["inventory"],
        only=ask.words(words.get("only")),
        settings=ask.words(words.get("set_")),
        dry_run=bool(words.get("dry_run")) or bool(context.config.run.dry),
        yes=bool(words.get("yes")),
        forks=ask.count("--forks", str(words["forks"]), most=128),
        format=ask.one_of("--format", words["format"], ask.FORMATS),
        output=Path(words["output"]) if words["output"] else None,
        health_url=words["health_url"],
        settle=ask.seconds("--settle", words.get("settle")),
        require_proof=bool(words.get("require_proof")),
        plan=ask.plan_hash(words.get("plan")),
        known_hosts=Path(words["known_hosts"]).expanduser() if words["known_hosts"] else None,
        host_key_checking=ask.checking("--host-key-checking", words["host_key_checking"]),
        become_password=Secret(secret) if secret else None,
        detailed_exitcode=bool(words["detailed_exitcode"]),
        environ=environ,
    )


def _run(request: Request) -> int:
    from remediations.run import run

    return run(request)


@task(
    auto_shortflags=False,
    iterable=["host", "only", "set_"],
    help=_COMMON_HELP
    | {
        "dry-run": "show why the site fails and what would change, proven on the host; change nothing",
        "yes": "apply without asking",
        "only": "these remediations instead of the playbook's; they converge",
        "set": "NAME.PARAM=VALUE; repeats",
        "settle": "seconds that a unit must stay up (5 after a start, 2 after a reload)",
        "require-proof": "apply only what the host's validators have accepted beforehand",
        "plan": "apply only the plan with this hash, as a dry run showed it",
    },
)
@verb
def remediate(
    context: Context, host: Sequence[str] | None = None, playbook: str | None = None, inventory: str | None = None,
    dry_run: bool = False, yes: bool = False, only: Sequence[str] | None = None, set_: Sequence[str] | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    settle: str | None = None, require_proof: bool = False, plan: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Find out why a site answers 502, show the cure, apply it so that it undoes itself if it does not help."""
    words = dict(locals())
    return _run(_request(words.pop("context"), "remediate", **words))


@task(auto_shortflags=False, iterable=["host"], help=_COMMON_HELP)
@verb
def diagnose(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Say why a site fails, with the lines it rests on. Changes nothing."""
    words = dict(locals())
    return _run(_request(words.pop("context"), "diagnose", **words))


@task(auto_shortflags=False, iterable=["host"], help=_COMMON_HELP)
@verb
def verify(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Ask whether a site is healthy: exit 0 if it is, 3 if not. For pipelines."""
    words = dict(locals())
    return _run(_request(words.pop("context"), "verify", **words))


@task(auto_shortflags=False)
@verb
def catalogue(context: Context) -> int:  # noqa: ARG001 - Invoke hands every task its context
    """List the remediations and their parameters."""
    from remediations.report.catalogue import catalogue

    print(catalogue(), end="")
    return 0


@task(auto_shortflags=False, help={"name": "a remediation of the catalogue"})
@verb
def explain(context: Context, name: str) -> int:  # noqa: ARG001 - Invoke hands every task its context
    """Say what a remediation does, what it never does, and what it can be told."""
    from remediations.report.catalogue import explain

    print(explain(name), end="")
    return 0


VERBS = (remediate, diagnose, verify, catalogue, explain)


def namespace() -> Collection:
    return Collection(*VERBS)


def main() -> None:
    """The installed command. Where the first word is a flag, the verb `remediate` is meant."""
    argv = list(sys.argv)
    if len(argv) > 1 and argv[1].startswith("-") and argv[1] not in CORE_FLAGS:
        argv.insert(1, "remediate")
    from importlib.metadata import version

    Program(name="remediate", version=version("remediate"), namespace=namespace()).run(argv)
