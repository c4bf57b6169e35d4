"""One run: from what was asked to hosts and work, through the journeys, to a report and an exit code."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from remediations import before_images, health_settings, inventory, library, patterns, playbook, work
from remediations.connections.base import Target
from remediations.errors import UsageError
from remediations.fleet import Fleet, Interrupted
from remediations.host import Host
from remediations.playbook import Play
from remediations.progress import Progress, progress
from remediations.report import json as json_report
from remediations.report import text as text_report
from remediations.report.style import style_for
from remediations.request import Request, checking
from remediations.result import HostResult, worst
from remediations.runner import Journey, Options

DEFAULT_PLAYBOOK = "502"
INTERRUPTED = 130


def run(request: Request) -> int:
    """Carries the request out and reports it; returns the exit code of the worst host."""
    play = playbook.load_playbook(request.playbook or DEFAULT_PLAYBOOK, library.known())
    todo = work.assemble(play, request.only, request.settings) if request.verb == "remediate" else ()
    hosts = _select(request, play)
    if request.verb == "remediate" and not (request.dry_run or request.yes) and not sys.stdin.isatty():
        raise UsageError("without a terminal there is nobody to ask: add --yes to apply, or --dry-run to look")
    run_id = new_id()
    try:
        with progress(sys.stderr) as tell:
            fleet = Fleet([_journey(request, play, todo, host, run_id, tell) for host in hosts], request.forks)
            results = _travel(fleet, request)
        results = _ask_and_apply(fleet, request, results)
    except Interrupted as interrupted:
        report(request, run_id, interrupted.results)
        return INTERRUPTED
    report(request, run_id, results)
    return worst(result.exit_code(detailed=request.detailed_exitcode) for result in results)


def _travel(fleet: Fleet, request: Request) -> tuple[HostResult, ...]:
    """Looks; with --yes applies at once; without a question left to ask, closes the connections."""
    if request.verb == "remediate" and request.yes and not request.dry_run:
        return fleet.run()
    results = fleet.look()
    if request.verb != "remediate" or request.dry_run or not _planned(results):
        fleet.close()
    return results


def _ask_and_apply(fleet: Fleet, request: Request, results: tuple[HostResult, ...]) -> tuple[HostResult, ...]:
    if request.verb != "remediate" or request.dry_run or request.yes or not _planned(results):
        return results
    sys.stderr.write(text_report.render(results, style_for(sys.stderr, request.environ), dry_run=True))
    try:
        agreed = _agreed(_planned(results))
    except KeyboardInterrupt:
        agreed = False
    if not agreed:
        fleet.close()
        return tuple(_declined(result) for result in results)
    with progress(sys.stderr) as tell:
        for journey in fleet.journeys:
            journey.progress = tell
        return fleet.finish()


def _planned(results: Sequence[HostResult]) -> list[str]:
    return [result.host for result in results if result.status == "planned"]


def _agreed(hosts: Sequence[str]) -> bool:
    sys.stderr.write(f"\nApply this to {', '.join(hosts)}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _declined(result: HostResult) -> HostResult:
    return replace(result, status="declined", changes=()) if result.status == "planned" else result


def _select(request: Request, play: Play) -> tuple[Host, ...]:
    known = inventory.load(inventory.find_inventory(request.inventory, request.environ))
    if request.verb == "remediate" and not request.hosts and not request.playbook:
        raise UsageError("--host is missing: name a host, a group or a pattern (the default playbook never means all)")
    return patterns.select(known, request.hosts or play.hosts)


def _journey(
    request: Request, play: Play, todo: tuple[work.Work, ...], host: Host, run_id: str, tell: Progress
) -> Journey:
    options = Options(
        run=run_id,
        state=before_images.state_folder(request.environ),
        diagnose_only=request.verb == "diagnose",
        settle=request.settle,
        require_proof=request.require_proof,
        plan=request.plan,
    )
    settings = health_settings.choose(request.health_url, host.health, play.health)
    return Journey(target(request, host), settings, todo, options, tell)


def target(request: Request, host: Host) -> Target:
    """How to reach a host: the command line's word, then the inventory's, then the environment's."""
    environment = checking("ANSIBLE_HOST_KEY_CHECKING", request.environ.get("ANSIBLE_HOST_KEY_CHECKING"))
    extra = (request.known_hosts,) if request.known_hosts else ()
    return Target(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        connection=host.connection,
        private_key_file=host.private_key_file,
        jump=host.jump,
        known_hosts_files=(*extra, *host.known_hosts_files),
        host_key_checking=request.host_key_checking or host.host_key_checking or environment or "yes",
        become=host.become,
        become_password=request.become_password or host.become_password,
    )


def new_id() -> str:
    """Time and six random hexadecimal digits: 20261122T130500Z-7f3a9c."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def report(request: Request, run_id: str, results: Sequence[HostResult]) -> None:
    """To stdout or --output, in the format asked for."""
    dry_run = request.dry_run or request.verb != "remediate"
    if request.format == "json":
        document = json_report.render(run_id, results, dry_run=dry_run)
    else:
        style = style_for(sys.stdout, {**request.environ, **({"NO_COLOR": "1"} if request.output else {})})
        document = text_report.render(results, style, dry_run=dry_run)
    if request.output:
        write(request.output, document)
    else:
        sys.stdout.write(document)
        sys.stdout.flush()


def write(path: Path, document: str) -> None:
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}") from error
