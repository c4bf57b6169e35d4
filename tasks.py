"""The command line of a checkout: the user's verbs, and those of who works on the toolkit.

What only one task needs it imports itself: `invoke remediate` would wait for it, too.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from remediations import ahead

ahead.set_out(sys.argv[1:])

from remediations import cli
from tests.lab.errors import LabError
from tests.lab.tasks import lab

BIN = ".venv/bin"
LINT = (
    f"{BIN}/ruff check",
    f"{BIN}/ruff format --check",
    f"{BIN}/mypy",
    "shellcheck --shell=sh $(find remediations tools -name '*.sh') && shellcheck .ci/run",
)
TEST = f"{BIN}/python -m pytest -p tests.nothing_skipped --numprocesses 3 --durations 20"
"""Three at a time on two cores: a test on a host waits for half of its time."""


@task(auto_shortflags=False)
def demo(_: Context) -> None:
    """Boot a host that answers 502, show why, cure it, take it down."""
    from tests.lab.demo import demonstrate

    try:
        demonstrate()
    except LabError as error:
        raise Exit(str(error), code=1) from error
    except KeyboardInterrupt:
        raise Exit("demo: interrupted; the host was taken down", code=130) from None


@task(auto_shortflags=False)
def lint(context: Context) -> None:
    """Check style, types and shell scripts."""
    _all(context, "lint", LINT)


@task(auto_shortflags=False)
def test(context: Context) -> None:
    """Lint, then run every test, those on real hosts too; nothing is skipped."""
    from tests.lab.base import require_lab

    try:
        require_lab()
    except LabError as error:
        raise Exit(f"test: {error}", code=1) from error
    _all(context, "test", (*LINT, TEST))


@task(
    auto_shortflags=False,
    help={"n": "rounds of each contest", "hosts": "how many hosts at a time, separated by commas"},
)
def bench(_: Context, n: int = 11, hosts: str = "1,8") -> None:
    """Compare diagnose, dry run, apply and no-change run with one bare ssh exec of the same scripts; print ratios."""
    from tests.bench.bench import bench as measure

    try:
        measure(n, tuple(int(count) for count in hosts.split(",")))
    except LabError as error:
        raise Exit(str(error), code=1) from error


@task(
    auto_shortflags=False,
    iterable=["only"],
    help={
        "only": "words of a row or a run in it; repeats",
        "quick": "what `make test` does, about two minutes",
        "minutes": "begin nothing new after so many; without it, all, which takes a night",
    },
)
def faults(_: Context, only: list[str], quick: bool = False, minutes: float = 0) -> None:
    """End the transaction at every step by kill, power cut, full disk; print the table of what was found."""
    from tests.faults import suite

    if not suite.run(only, quick, minutes or None):
        raise Exit(code=1)


@task(
    auto_shortflags=False,
    iterable=["only"],
    help={"only": "words of a scenario's name; repeats", "json": "the rows as JSON instead of tables"},
)
def scenarios(_: Context, only: list[str], json: bool = False) -> None:
    """Break real hosts in every way we know, two at a time; print what was named first, what was done, and misses."""
    from tests.scenarios import suite

    try:
        if not suite.run(only, json):
            raise Exit(code=1)
    except LabError as error:
        raise Exit(f"scenarios: {error}", code=1) from error


def _all(context: Context, name: str, commands: tuple[str, ...]) -> None:
    """Runs every command, shown as it starts, and ends with one line that says what came of it."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job would pass on that it is ignored
    started, failed = time.monotonic(), []
    for command in commands:
        print(f"$ {command}", flush=True)
        with context.cd(Path(__file__).parent):
            if not context.run(command, in_stream=False, warn=True):
                failed.append(command)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(
        f"{name}: {'failed: ' + '; '.join(failed) if failed else 'passed'}, after {minutes} min {seconds} s", flush=True
    )
    if failed:
        raise Exit(code=1)


namespace = cli.namespace()
namespace.add_collection(lab)
for extra in (bench, demo, faults, lint, scenarios, test):
    namespace.add_task(extra)
