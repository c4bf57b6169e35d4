"""The user's verbs, as Invoke tasks of a few lines each; `remediate` is the installed command over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program
from invoke.tasks import task

from remediations import command_words, interrupts, terminal
from remediations.errors import UsageError
from remediations.guard import verb
from remediations.request import Verb
from remediations.secret import Secret
from remediations.word_help import WordTask

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

_URL_HELP = {
    "url": "ask this from here, too, as a visitor would, and compare it with what the host itself answers",
    "resolve": "HOST:PORT:ADDRESS: where the --url leads instead of what DNS says; repeats",
}


def _run(kind: Verb, words: dict[str, Any]) -> int:
    """Carries out a verb with the words that Invoke has read for it; `words` are a task's parameters."""
    context = words.pop("context")
    words["dry_run"] = bool(words.get("dry_run")) or bool(context.config.run.dry)
    request = command_words.request(kind, words)
    if words["ask_become_pass"]:
        from remediations import asking

        with interrupts.raised():
            request = replace(request, become_password=Secret(asking.become_password()))
    from remediations.start import start

    return start(request)


@task(
    auto_shortflags=False,
    iterable=["host", "only", "set_", "allow"],
    help=_COMMON_HELP
    | {
        "dry-run": "show why the site fails and what would change, proven on the host; change nothing",
        "yes": "apply without asking",
        "only": "these remediations instead of the playbook's; they converge",
        "set": "NAME.PARAM=VALUE; repeats",
        "allow": "a remediation that acts only where it is named here: end-orphan; repeats",
        "settle": "seconds that a unit must stay up (5 after a start, 2 after a reload)",
        "require-proof": "apply only what the host's validators have accepted beforehand",
        "plan": "apply only the plan with this hash, as a dry run showed it",
        "verify": "confirm (default): a few good answers; full: all that `verify` looks at, before it is confirmed",
        "hold": "apply and wait: a person confirms (see the report's last line), or the host undoes it",
        "confirm-timeout": "seconds after which the host undoes what nobody confirmed (120; with --hold 600)",
        "wait-lock": "seconds to wait for another run to end",
    },
)
@verb
def remediate(
    context: Context, host: Sequence[str] | None = None, playbook: str | None = None, inventory: str | None = None,
    dry_run: bool = False, yes: bool = False, only: Sequence[str] | None = None, set_: Sequence[str] | None = None,
    allow: Sequence[str] | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    settle: str | None = None, require_proof: bool = False, plan: str | None = None, hold: bool = False,
    confirm_timeout: str | None = None, wait_lock: str | None = None, verify: str = "confirm",
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Find out why a site answers 502, show the cure, apply it so that it undoes itself if it does not help."""
    return _run("remediate", dict(locals()))


@task(
    auto_shortflags=False,
    iterable=["host", "resolve"],
    help=_COMMON_HELP
    | _URL_HELP
    | {
        "save": "keep the evidence, secrets masked, in this file (bundle.tar.gz)",
        "from": "ask no host: diagnose such a file again, or a log of nginx, PHP-FPM or journalctl; - is stdin",
    },
)
@verb
def diagnose(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    save: str | None = None, from_: str | None = None, url: str | None = None, resolve: Sequence[str] | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Say why a site fails, with the lines it rests on. Changes nothing."""
    return _run("diagnose", dict(locals()))


@task(
    auto_shortflags=False,
    iterable=["host", "resolve"],
    help=_COMMON_HELP
    | _URL_HELP
    | {"for": "how long the site must stand, such as 30s or 2m (15s, longer by nginx's fail_timeout); 0s: one look"},
)
@verb
def verify(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    for_: str | None = None, url: str | None = None, resolve: Sequence[str] | None = None,
    forks: str = "32", format: str = "text", output: str | None = None,
    health_url: str | None = None, known_hosts: str | None = None, host_key_checking: str | None = None,
    ask_become_pass: bool = False, detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Watch whether a site is healthy and stays so: exit 0 if it does, 3 if not. The gate after a deploy."""
    return _run("verify", dict(locals()))


@task(
    auto_shortflags=False,
    iterable=["host"],
    help={name: text for name, text in _COMMON_HELP.items() if name not in ("output", "forks", "detailed-exitcode")}
    | {
        "format": "text, or json: one object a line",
        "every": "how often to look, such as 10s (30s)",
        "for": "for how long, such as 10m; without it until Ctrl-C",
    },
)
@verb
def watch(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    every: str = "30s", for_: str | None = None, format: str = "text", health_url: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
) -> int:  # fmt: skip
    """Diagnose again and again, and print a line where something changes. Changes nothing."""
    return _run("watch", dict(locals()))


@task(
    auto_shortflags=False,
    iterable=["host"],
    help=_COMMON_HELP
    | {
        "run": "the run to take back (see: history); without it the last one that stands and changed files",
        "dry-run": "show what would be put back, proven on the host; change nothing",
        "yes": "apply without asking",
        "settle": "seconds that a unit must stay up (5 after a start, 2 after a reload)",
        "require-proof": "apply only what the host's validators have accepted beforehand",
        "plan": "apply only the plan with this hash, as a dry run showed it",
        "confirm-timeout": "seconds after which the host takes the undo itself back if this side goes away (120)",
        "wait-lock": "seconds to wait for another run to end",
    },
)
@verb
def undo(
    context: Context, host: Sequence[str] | None = None, run: str | None = None, dry_run: bool = False,
    yes: bool = False, inventory: str | None = None, playbook: str | None = None, forks: str = "32",
    format: str = "text", output: str | None = None, health_url: str | None = None, settle: str | None = None,
    require_proof: bool = False, plan: str | None = None, confirm_timeout: str | None = None,
    wait_lock: str | None = None, known_hosts: str | None = None, host_key_checking: str | None = None,
    ask_become_pass: bool = False, detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Take back what a run has changed, where nobody has changed it since; as a run of its own."""
    return _run("undo", dict(locals()))


@task(auto_shortflags=False, iterable=["host"], help=_COMMON_HELP | {"run": "the run that is to stand"})
@verb
def confirm(
    context: Context, host: Sequence[str] | None = None, run: str | None = None, inventory: str | None = None,
    playbook: str | None = None, forks: str = "32", format: str = "text", output: str | None = None,
    health_url: str | None = None, known_hosts: str | None = None, host_key_checking: str | None = None,
    ask_become_pass: bool = False, detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """Keep what a run with --hold has changed, if the site is good; what nobody confirms the host undoes."""
    if run is None:
        raise UsageError("--run is missing: say which run is to stand, as its report or `history` names it")
    return _run("confirm", dict(locals()))


@task(auto_shortflags=False, iterable=["host"], help=_COMMON_HELP)
@verb
def recover(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, health_url: str | None = None,
    known_hosts: str | None = None, host_key_checking: str | None = None, ask_become_pass: bool = False,
    detailed_exitcode: bool = False,
) -> int:  # fmt: skip
    """End what an interrupted run has left on a host, and say in what state it is. Every run does this first."""
    return _run("recover", dict(locals()))


@task(
    auto_shortflags=False,
    iterable=["host"],
    help={name: text for name, text in _COMMON_HELP.items() if name not in ("health-url", "detailed-exitcode")},
)
@verb
def history(
    context: Context, host: Sequence[str] | None = None, inventory: str | None = None, playbook: str | None = None,
    forks: str = "32", format: str = "text", output: str | None = None, known_hosts: str | None = None,
    host_key_checking: str | None = None, ask_become_pass: bool = False,
) -> int:  # fmt: skip
    """List the runs on a host: when, who, from where, with which remediations, how they ended. Changes nothing."""
    return _run("history", dict(locals()))


@task(auto_shortflags=False)
@verb
def catalogue(context: Context) -> int:  # noqa: ARG001 - Invoke hands every task its context
    """List the remediations and their parameters."""
    from remediations.report.catalogue import catalogue

    terminal.document(catalogue())
    return 0


@task(
    klass=WordTask,
    auto_shortflags=False,
    help={"name": "a remediation of the catalogue, or a cause that a finding names"},
)
@verb
def explain(context: Context, name: str) -> int:  # noqa: ARG001 - Invoke hands every task its context
    """Say what a remediation does, never does and can be told; or what a cause means, its evidence and its cure."""
    from remediations.report.catalogue import explain

    terminal.document(explain(name))
    return 0


VERBS = (remediate, diagnose, verify, watch, undo, history, confirm, recover, catalogue, explain)


def namespace() -> Collection:
    return Collection(*VERBS)


class _Program(Program):
    def print_version(self) -> None:
        """Looked up only where somebody asks: that takes as long as reading an inventory."""
        from importlib.metadata import version

        print(f"{self.name} {version('remediate')}")


def main(argv: Sequence[str]) -> None:
    """Runs one command line, without the program's name."""
    program = _Program(name="remediate", namespace=namespace())
    with terminal.tolerant():  # `remediate --help | head -1`
        program.run(["remediate", *argv])
