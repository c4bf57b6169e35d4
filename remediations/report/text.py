"""The report for people: what is wrong, why, what would change or was changed, and how to take it back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from remediations import masking
from remediations.findings import Finding
from remediations.health import Health
from remediations.report import history
from remediations.report.style import Style
from remediations.result import Change, HostResult, Status
from remediations.steadiness import Check, failed

WORDS: dict[Status, str] = {
    "ok": "healthy, nothing to do",
    "diagnosed": "diagnosed",
    "planned": "would change",
    "changed": "changed, healthy",
    "failed": "still bad",
    "rolled_back": "rolled back: everything was put back",
    "refused": "refused: nothing was changed",
    "needs_human": "a person must look now",
    "unknown": "state unknown",
    "unreachable": "could not be reached",
    "locked": "locked by another run",
    "undiagnosed": "bad, and no known cause fits",
    "declined": "declined: nothing was changed",
}
GOOD: tuple[Status, ...] = ("ok", "changed")
_COMMAND = re.compile(r"\binvoke (?P<verb>remediate|undo|history|confirm|recover) (?P<host>--host [^\s,;]+)")
OPEN: tuple[Status, ...] = ("planned", "diagnosed", "declined")


def render(
    results: Sequence[HostResult],
    style: Style,
    *,
    dry_run: bool,
    inventory: str | None = None,
    program: str = "invoke",
    timed: bool = False,
) -> str:
    """All hosts, then one line a host where there are several; with `timed`, how long each host was busy with us.

    Every command that it advises can be typed as it stands: with the `program` and the `inventory` of this one.
    """
    where = f" --inventory {shlex.quote(inventory)}" if inventory else ""

    def typed(text: str) -> str:
        return _COMMAND.sub(lambda command: f"{program} {command['verb']} {command['host']}{where}", text)

    lines = ((*_host(result, style, typed, dry_run=dry_run), *(_took(result) if timed else ())) for result in results)
    blocks = ["\n".join(each) for each in lines]
    if len(results) > 1:
        blocks.append("\n".join(_summary(results, style)))
    return "\n\n".join(blocks) + "\n"


def _line(result: HostResult, style: Style) -> str:
    return f"{style.bold(masking.defused(result.host))}  {_status(result, style)}"


def _summary(results: Sequence[HostResult], style: Style) -> Iterator[str]:
    """One line a host, names aligned: what became of it, and its root cause."""
    width = max(len(masking.defused(result.host)) for result in results)
    for result in results:
        cause = f": {result.findings[0].cause} {_named(result.findings[0].subject)}" if result.findings else ""
        name = masking.defused(result.host).ljust(width)
        yield f"{style.bold(name)}  {_status(result, style)}{cause}"


def _status(result: HostResult, style: Style) -> str:
    if result.history:
        return history.words(result.history)
    if result.status == "ok" and result.findings:
        return style.yellow("healthy, but a person should act")
    if result.status in ("failed", "undiagnosed") and result.before and result.before.ok and failed(result.checks):
        return style.red("good, but it does not stand")
    if result.status == "failed" and result.error and result.changes and not result.after:
        return style.red("failed")  # half done, and the site was not asked again: it may be good by now
    if result.held:
        return style.yellow("changed, healthy, and waits for a confirmation")
    paint = style.green if result.status in GOOD else style.yellow if result.status in OPEN else style.red
    return paint(WORDS[result.status])


def _host(result: HostResult, style: Style, typed: Callable[[str], str], *, dry_run: bool) -> Iterator[str]:
    yield _line(result, style)
    this = f"--host {masking.defused(result.host)}"
    if result.history:
        yield from map(typed, history.lines(this, result.history, style))
    if result.before:
        yield f"  site    {_health(result.before, style)}"
    for number, finding in enumerate(result.findings, 1):
        yield from map(typed, _finding(number, finding, style))
    for name, note in result.notes:
        label = masking.defused(name)
        yield f"  {style.dim(label.ljust(7) if len(label) <= 7 else f'{label} ')} {_said(note)}"
    yield from _changes("would" if dry_run else "did", result.changes, style)
    yield from _changes("undid", result.undone, style)
    yield from _proof(result, style)
    yield from _checks(result.checks, style)
    for warning in result.warnings:
        yield f"  {style.yellow('warning')} {typed(_said(warning))}"
    if result.after:
        yield f"  after   {_health(result.after, style)}"
    if result.error:
        yield f"  {style.red('error')}   {typed(_said(result.error))}"
    if result.plan and dry_run and result.status != "refused":
        yield f"  plan    {result.plan[:16]}  (apply exactly this one: --plan {result.plan[:16]})"
    if result.held:
        within = f"(within {result.held.seconds} s, else it is undone)"
        yield typed(f"  confirm invoke confirm {this} --run {result.held.run}   {within}")
    if run := result.held.run if result.held else result.undo:
        yield typed(f"  undo    invoke undo {this} --run {run}")
    if result.restore:
        yield f"  or      {result.restore}"


def _took(result: HostResult) -> Iterator[str]:
    """What the host was asked for may cost it something: its own share is told."""
    if "shell" in result.seconds:
        yield f"  took    {result.seconds['shell']:.1f} s of the host's shell"


def _health(health: Health, style: Style) -> str:
    word = {True: style.green("good"), False: style.red("bad"), None: style.yellow("unknown")}[health.ok]
    by = f", answered by {health.layer}" if health.layer and health.layer != "network" else ""
    return f"{word}: {_said(health.summary)}{by}"


def _finding(number: int, finding: Finding, style: Style) -> Iterator[str]:
    role = "cause  " if number == 1 else "also   "
    yield f"  {style.bold(role)} {style.bold(finding.cause)}: {_said(finding.summary)} ({finding.confidence})"
    for evidence in finding.evidence:
        for line in masking.text(evidence.text).split("\n"):
            yield f"          {style.dim(_named(evidence.source))}  {line}"
    if finding.remediation:
        yield f"          cure: {finding.remediation}"
    if finding.advice:
        yield f"          {_said(finding.advice)}"


def _changes(title: str, changes: Sequence[Change], style: Style) -> Iterator[str]:
    for change in changes:
        reason = f": {change.reason}" if change.reason else ""
        who = style.dim(f"({', '.join(change.remediations)})")
        yield f"  {title:<7} {change.action} {_named(change.target)}{_said(reason)} {who}"
        if change.diff:
            yield from (f"    {style.diff_line(line)}" for line in change.diff.removesuffix("\n").split("\n"))


def _proof(result: HostResult, style: Style) -> Iterator[str]:
    for check in result.proof.checks if result.proof else ():
        word = style.green("accepts it") if check.ok else style.red("refuses it")
        yield f"  proof   {_named(check.name)} {word}"
        if not check.ok:
            yield from (f"          {line}" for line in masking.text(check.output).split("\n"))


def _checks(checks: Sequence[Check], style: Style) -> Iterator[str]:
    """One that could not be made is a warning, which is said elsewhere; a single one says what the site says."""
    for check in checks if len(checks) > 1 else ():
        if check.ok is not None:
            word = style.green("good") if check.ok else style.red("bad")
            yield f"  check   {check.name} {word}: {_said(check.text)}"


def _said(text: str) -> str:
    """What may hold words of the host: its further lines stand below, and none can pass for a line of the report."""
    return masking.text(text).replace("\n", "\n          ")


def _named(name: str) -> str:
    """A path or a unit of the host, in one line."""
    return masking.defused(name).replace("\n", "\\n")
