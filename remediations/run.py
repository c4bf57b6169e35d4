"""One run: from what was asked to hosts and work, through the journeys, to a report and an exit code."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from remediations import asking, health_settings, interrupts, library, playbook, selection, state, terminal, work
from remediations.early import EarlyConnection
from remediations.errors import UsageError
from remediations.facts.outside import Outside
from remediations.fleet import Fleet, Interrupted
from remediations.inventory.host import Host
from remediations.looking import Options
from remediations.playbook import Play
from remediations.progress import progress, silent
from remediations.report import json as json_report
from remediations.report import sink
from remediations.report import text as text_report
from remediations.report.style import Style, style_for
from remediations.request import CHANGING, Request
from remediations.result import HostResult, worst
from remediations.runner import Journey
from remediations.transaction.program import CONFIRM_WITHIN

Save = Callable[[bytes], None]
"""Puts a whole file in its place. Raises OSError."""

DEFAULT_PLAYBOOK = "502"
HOLD_SECONDS = 600


def run(request: Request, named: Sequence[Host], reached: Mapping[str, EarlyConnection]) -> int:
    """Carries the request out and reports it; returns the exit code of the worst host.

    `named` are the hosts of the command line, if it names some; `reached` are connections to the first of them, by
    name, that are open already or about to be.
    """
    if request.source:
        return _again(request, request.source)
    play = playbook.load_playbook(request.playbook or DEFAULT_PLAYBOOK, library.known())
    todo = work.assemble(play, request.only, request.settings, request.allow) if request.verb == "remediate" else ()
    hosts = named or _select(request, play)
    if not request.may_run:
        raise UsageError("without a terminal there is nobody to ask: add --yes to apply, or --dry-run to look")
    run_id = new_id()
    seen = _outside(request)
    journeys = [_journey(request, play, todo, host, run_id, reached, seen) for host in hosts]
    if request.verb == "watch":
        from remediations import watching

        return watching.watch(request, journeys)
    with sink.opened(request.output) as out, _opened(request.save) as save:
        fleet = Fleet(journeys, request.forks)
        results, interrupted = _carry_out(fleet, request)
        code = interrupts.EXIT_CODE if interrupted else _code(request, results)
        code = _report(request, run_id, results, out, code)
        return _saved(request, run_id, results, fleet, save, code) if save and not interrupted else code


@contextmanager
def _opened(path: Path | None) -> Iterator[Save | None]:
    """The place of the bundle, where one is asked for."""
    if path is None:
        yield None
        return
    from remediations import saving

    with saving.opened(path) as save:
        yield save


def _saved(
    request: Request, run_id: str, results: Sequence[HostResult], fleet: Fleet, save: Save, code: int
) -> int:  # fmt: skip
    """Keeps what is known of the hosts, and says so; the exit code is `code`, or worse where that fails."""
    from remediations import saving

    known = {one.target.name: one.survey.snapshot for one in fleet.journeys if one.survey}
    report = _text(request, results, Style(colour=False), dry_run=True)
    try:
        for said in saving.keep(save, run_id, results, known, report):
            terminal.remark(f"remediate: {request.save}: {said}")
    except OSError as error:
        terminal.remark(f"remediate: {request.save} was not written: {error.strerror or error}")
        return worst((code, UsageError.exit_code))
    return code


def _again(request: Request, source: Path) -> int:
    """The report of a diagnosis that asks no host."""
    from remediations import offline

    with sink.opened(request.output) as out:
        results = offline.results(source, request.hosts)
        return _report(request, new_id(), results, out, _code(request, results))


def _code(request: Request, results: Sequence[HostResult]) -> int:
    return worst(result.exit_code(detailed=request.detailed_exitcode) for result in results)


def _carry_out(fleet: Fleet, request: Request) -> tuple[tuple[HostResult, ...], bool]:
    """The results, and whether somebody interrupted before the end."""
    try:
        with _watched(fleet):
            results = _travel(fleet, request)
        interrupts.checkpoint()
        return _ask_and_apply(fleet, request, results), False
    except Interrupted as interruption:
        results = interruption.results
    except KeyboardInterrupt:  # between two phases, while no host is being changed
        results = fleet.states()
    fleet.close()
    may_apply = request.applies and not request.dry_run
    return tuple(_declined(result) if may_apply else result for result in results), True


@contextmanager
def _watched(fleet: Fleet) -> Iterator[None]:
    """While it lasts, what is being done on which host can be seen on stderr."""
    with progress(sys.stderr) as tell:
        for journey in fleet.journeys:
            journey.progress = tell
        yield


def _travel(fleet: Fleet, request: Request) -> tuple[HostResult, ...]:
    """Looks; with --yes applies at once; without a question left to ask, closes the connections."""
    if request.applies and request.yes and not request.dry_run:
        return fleet.run()
    results = fleet.look()
    if not request.applies or request.dry_run or not _planned(results):
        fleet.close()
    return results


def _ask_and_apply(fleet: Fleet, request: Request, results: tuple[HostResult, ...]) -> tuple[HostResult, ...]:
    if not request.applies or request.dry_run or request.yes or not _planned(results):
        return results
    terminal.remark(_text(request, results, style_for(sys.stderr, request.environ), dry_run=True).rstrip("\n"))
    with interrupts.raised():
        agreed = asking.agreed(_planned(results))
    if not agreed:
        fleet.close()
        return tuple(_declined(result) for result in results)
    with _watched(fleet):
        return fleet.finish()


def _planned(results: Sequence[HostResult]) -> list[str]:
    return [result.host for result in results if result.status == "planned"]


def _declined(result: HostResult) -> HostResult:
    return replace(result, status="declined", changes=()) if result.status == "planned" else result


def _select(request: Request, play: Play) -> tuple[Host, ...]:
    if request.verb in CHANGING and not request.playbook:
        raise UsageError("--host is missing: name a host, a group or a pattern (the default playbook never means all)")
    return selection.select(request, play.hosts)


def _journey(
    request: Request, play: Play, todo: tuple[work.Work, ...], host: Host, run_id: str,
    reached: Mapping[str, EarlyConnection], seen: Callable[[], Outside] | None,
) -> Journey:  # fmt: skip
    options = Options(
        run=run_id,
        state=state.folder(request.environ),
        diagnose_only=request.verb in ("diagnose", "watch"),
        settle=request.settle,
        require_proof=request.require_proof,
        plan=request.plan,
        confirm_within=request.confirm_timeout or (HOLD_SECONDS if request.hold else CONFIRM_WITHIN),
        wait_lock=request.wait_lock,
        hold=request.hold,
        may_change=request.may_change,
        asked=bool(request.only),
        full=request.full,
        extend=request.confirm_timeout is None,
        outside=seen,
    )
    settings = replace(health_settings.choose(request.health_url, host.health, play.health), also=request.url)
    early = reached.get(host.name)
    return _kind(request)(selection.target(request, host), settings, todo, options, silent, host.vars, early)


def _outside(request: Request) -> Callable[[], Outside] | None:
    """What visitors get, asked once for all hosts, beside them."""
    if request.url is None:
        return None
    from remediations import outside

    return outside.begin(request.url, {(name, port): address for name, port, address in request.resolve})


def _kind(request: Request) -> Callable[..., Journey]:
    """The kind of journey that the verb is; those about runs of the past are imported where they are asked for."""
    match request.verb:
        case "verify":
            from remediations.journeys.verify import Verifying

            return partial(Verifying, window=request.window)
        case "watch":
            from remediations.journeys.watch import Watching

            return partial(Watching, every=request.every, seconds_to_watch=request.window)
        case "undo":
            from remediations.journeys.undo import Undoing

            return partial(Undoing, wanted=request.run)
        case "confirm":
            from remediations.journeys.confirm import Confirming

            return partial(Confirming, wanted=request.run)
        case "recover":
            from remediations.journeys.recover import Recovering

            return Recovering
        case "history":
            from remediations.journeys.history import Telling

            return Telling
    return Journey


def new_id() -> str:
    """Time and six random hexadecimal digits: 20261122T130500Z-7f3a9c."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _report(request: Request, run_id: str, results: Sequence[HostResult], out: sink.Sink, code: int) -> int:
    """The report in the format asked for, then `code`. Where it is lost, stderr has a line for each host at least."""
    dry_run = not request.may_change
    if request.may_change:
        _keep(request, run_id, results)
    for result in results:
        if result.bug:
            terminal.remark(f"remediate: {result.error}")
    try:
        document = _rendered(request, run_id, results, dry_run=dry_run)
        with interrupts.raised():
            out(document)
    except KeyboardInterrupt:
        lost, code = "interrupted", interrupts.EXIT_CODE
    except OSError as error:
        lost, code = error.strerror or str(error), worst((code, UsageError.exit_code))
    else:
        return code
    terminal.remark(f"remediate: the report was not written ({lost}); the hosts:")
    for result in results:
        terminal.remark(f"{result.host}: {result.status}")
    return code


def _keep(request: Request, run_id: str, results: Sequence[HostResult]) -> None:
    """The report stays on this side, whatever becomes of the one that was asked for."""
    try:
        state.keep_report(state.folder(request.environ), run_id, json_report.render(run_id, results, dry_run=False))
    except OSError as error:
        terminal.remark(f"remediate: the report cannot be kept in {state.folder(request.environ)}: {error.strerror}")


def _rendered(request: Request, run_id: str, results: Sequence[HostResult], *, dry_run: bool) -> str:
    if request.format == "json":
        return json_report.render(run_id, results, dry_run=dry_run)
    style = style_for(sys.stdout, {**request.environ, **({"NO_COLOR": "1"} if request.output else {})})
    return _text(request, results, style, dry_run=dry_run)


def _text(request: Request, results: Sequence[HostResult], style: Style, *, dry_run: bool) -> str:
    program = "remediate" if Path(sys.argv[0]).name == "remediate" else "invoke"
    return text_report.render(
        results, style, dry_run=dry_run, inventory=request.inventory, program=program, timed=request.verb == "diagnose"
    )
