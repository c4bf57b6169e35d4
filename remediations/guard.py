"""What stands between a verb and Invoke: every end of a verb becomes an exit code and at most one line of text."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from remediations import command_words, interrupts, terminal
from remediations.errors import RemediateError

F = TypeVar("F", bound=Callable[..., int])


def verb(body: F) -> F:
    """No exception but Exit reaches Invoke: errors raised on purpose are one line, bugs one line and a log file."""

    @functools.wraps(body)
    def guarded(*args: Any, **kwargs: Any) -> None:
        from invoke.exceptions import Exit  # there already: who calls is Invoke

        raise Exit(code=ended(functools.partial(body, *args, **kwargs)))

    return guarded  # type: ignore[return-value]  # Invoke ignores what a task returns


def ended(body: Callable[[], int]) -> int:
    """The exit code of a verb's work, however it ends."""
    terminal.prepare()
    try:
        with interrupts.deferred():
            interrupts.checkpoint()
            command_words.check(sys.argv[1:])
            return body()
    except RemediateError as error:
        return say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return say(interrupts.BEFORE_ALL, interrupts.EXIT_CODE)
    except Exception:
        from remediations import bugs  # only where there is one

        return say(bugs.sentence(bugs.keep_traceback()), bugs.EXIT_CODE)


def say(text: str, code: int) -> int:
    """One line on stderr, and the code for it."""
    from remediations import masking  # not needed before the first login

    terminal.remark(f"remediate: {masking.text(text)}")
    return code
